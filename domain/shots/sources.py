"""Pictures of plans: what is uploaded under the name of a plan's source is what batches make its shots from."""

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.images import Image
from domain.ports import Transaction
from domain.projects import Project
from domain.shots.files import ShotFile, alone, nomenclature_of
from domain.shots.matching import FileMatch, scope_of
from domain.shots.name_fields import ShotTask
from domain.shots.names import ShotName

EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


async def source_named(tx: Transaction, project: Project, file_name: str | None) -> ShotName | None:
    """
    What the name says where it is that of a plan's source; nobody else gives out names until the transaction ends.

    Raises CONFLICT where that version, or a later one, is there already.
    """
    says = nomenclature_of(project).parse(file_name or "")
    if says is None or says.task is not ShotTask.EXTRACTED_RAW or file_name is None:
        return None
    await alone(tx, project.id)
    found = (await scope_of(tx, project, None, [file_name])).match(file_name)
    if found.match is not FileMatch.MATCHED:
        raise DomainError(ErrorCode.CONFLICT, f"'{file_name}': {found.problem}", field="file")
    return says


def name_source(tx: Transaction, project: Project, image: Image, says: ShotName) -> None:
    """The image is the plan's source from now on, under this name. Raises VALIDATION_ERROR where that lies."""
    require_extension(says, image.mime_type)
    image.file_name = nomenclature_of(project).render(says)
    tx.add(ShotFile.of(project, says, image_id=image.id))


def require_extension(says: ShotName, mime_type: str) -> None:
    wanted = EXTENSIONS[mime_type]
    if says.ext != wanted:
        message = f"The picture is {mime_type}: its name must end with .{wanted}, not .{says.ext}"
        raise InvalidInput(message, field="file")
