"""How people bring the pictures of shots: told apart by the names of their files, or shot by shot."""

from dataclasses import dataclass

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.ids import Id
from domain.images import Image
from domain.permissions import Actor
from domain.plain import rfc3339
from domain.ports import Command, Transaction
from domain.projects import Project
from domain.shots.batch import ShotBatch
from domain.shots.batch_commands import keep
from domain.shots.commands import to_change
from domain.shots.files import ShotFile, alone, nomenclature_of
from domain.shots.logs import line
from domain.shots.matching import MOST_FILES, FileMatch, ShotFileMatch, matches, scope_of
from domain.shots.name_fields import ShotTask
from domain.shots.names import ShotName
from domain.shots.planning import EXTENSION, name_of
from domain.shots.shot import Shot, ShotStatus
from domain.shots.sources import EXTENSIONS, name_source, require_extension
from domain.text import require_length
from domain.uploading import LONGEST_FILE_NAME, BringPicture, image_of, taken


@dataclass(kw_only=True)
class MatchShotFiles(Command[list[ShotFileMatch]]):
    """Say which shots files are for, by their names: of a batch, or of all that wait in the project."""

    file_names: list[str]
    batch_id: Id | None = None
    project_id: Id | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.file_names) <= MOST_FILES:
            raise InvalidInput(f"fileNames must be 1 to {MOST_FILES:,} names", field="fileNames")


async def match_shot_files(tx: Transaction, actor: Actor, command: MatchShotFiles) -> list[ShotFileMatch]:
    batch = await tx.get(ShotBatch, command.batch_id) if command.batch_id is not None else None
    project = await tx.get(Project, batch.project_id if batch else actor.project_meant(command.project_id))
    return matches(await scope_of(tx, project, batch, command.file_names), command.file_names)


@dataclass(kw_only=True)
class SubmitShotImage(BringPicture[Shot]):
    """
    Bring a shot's picture. By `shot_id` it is that shot's, whatever the file is called; without, its name says whose it
    is: of the batch, or of those that wait in the project the key stands for. `sent_hash` is the SHA-256 of the bytes.
    """

    shot_id: Id | None = None
    batch_id: Id | None = None
    file_name: str
    sent_hash: str

    def __post_init__(self) -> None:
        require_length(self.file_name, "file", longest=LONGEST_FILE_NAME)


async def submit_shot_image(tx: Transaction, actor: Actor, command: SubmitShotImage) -> Shot:
    shot_id = command.shot_id or (await _meant(tx, actor, command)).id
    batch, shot = await to_change(tx, shot_id)
    if command.batch_id not in {None, batch.id}:
        raise DomainError(ErrorCode.SHOT_NOT_FOUND, "This batch has no such shot: check shotId", field="shotId")
    project = await tx.get(Project, batch.project_id)
    await alone(tx, project.id)
    found = await _match(tx, project, batch, shot, command.file_name)
    if found.says is not None and found.says.task is ShotTask.EXTRACTED_RAW:
        image = await _image(tx, project, actor, command)
        name_source(tx, project, image, found.says)
        _keep_image(tx, image)
        shot.source_image_id = image.id
        tx.add(line(shot, f"Its source was brought: {image.file_name}"))
    else:
        await _bring(tx, project, actor, batch, shot, command, found.says)
    tx.record(shot.changed())
    tx.save(shot)
    await keep(tx, batch)
    return await tx.get(Shot, shot.id)


async def _meant(tx: Transaction, actor: Actor, command: SubmitShotImage) -> Shot:
    asked = MatchShotFiles(file_names=[command.file_name], batch_id=command.batch_id)
    (found,) = await match_shot_files(tx, actor, asked)
    return _require(found)


def _require(found: ShotFileMatch) -> Shot:
    """The shot that a file is for. Raises SHOT_NOT_FOUND or CONFLICT where there is not just one."""
    if found.match is FileMatch.MATCHED and found.shot is not None:
        return found.shot
    codes = {FileMatch.MISSING: ErrorCode.SHOT_NOT_FOUND, FileMatch.MATCHED: ErrorCode.SHOT_NOT_FOUND}
    problem = found.problem or "no batch has this shot: upload the source by itself (uploadImage)"
    code = codes.get(found.match, ErrorCode.CONFLICT)
    raise DomainError(code, f"'{found.file_name}': {problem}", field="file", match=found.match.value)


async def _match(tx: Transaction, project: Project, batch: ShotBatch, shot: Shot, file_name: str) -> ShotFileMatch:
    """What the name says, as far as it says anything; it must not speak of another shot, nor of another's version."""
    if nomenclature_of(project).parse(file_name) is None:
        return ShotFileMatch(file_name=file_name, match=FileMatch.MATCHED, shot=shot)
    (found,) = matches(await scope_of(tx, project, batch, [file_name]), [file_name])
    if found.says is not None and (found.says.sequence, found.says.plan) != (shot.sequence, shot.plan):
        message = f"'{file_name}' is named for another shot than {shot.label}: rename it, or bring it to that one"
        raise DomainError(ErrorCode.CONFLICT, message, field="file")
    _require(found)
    return found


async def _bring(
    tx: Transaction,
    project: Project,
    actor: Actor,
    batch: ShotBatch,
    shot: Shot,
    command: SubmitShotImage,
    says: ShotName | None,
) -> None:
    if shot.has_ended:
        raise DomainError(ErrorCode.CONFLICT, f"{shot.label} is over: retry the shot first, by hand if it is MANUAL")
    if shot.status is not ShotStatus.WAITING:
        raise DomainError(ErrorCode.CONFLICT, f"{shot.label} waits for nobody's picture: set its mode to MANUAL first")
    if shot.claim is not None and shot.claim.keeps_out(actor.subject, tx.now) and not actor.owns(shot.project_id):
        raise DomainError(ErrorCode.CONFLICT, f"{shot.claim.by} is on it until {rfc3339(shot.claim.expires_at)}")
    plan = (shot.sequence, shot.plan)
    name = says or name_of(batch.season, batch.episode, plan, shot.file_version, _extension(command))
    image = await _image(tx, project, actor, command)
    require_extension(name, image.mime_type)
    image.file_name = nomenclature_of(project).render(name)
    _keep_image(tx, image)
    await _rename(tx, project, shot, name, image)
    shot.image_id, shot.progress, shot.claim = image.id, 1.0, None
    batch.move(shot, ShotStatus.DONE)
    tx.add(line(shot, f"Brought by {actor.name or actor.subject}: {shot.file_name}"))


async def _rename(tx: Transaction, project: Project, shot: Shot, name: ShotName, image: Image) -> None:
    """The name it was promised becomes the one it has."""
    (file,) = await tx.find(ShotFile, project_id=project.id, name=shot.file_name)
    file.name, file.version, file.ext, file.image_id = image.file_name, name.version, name.ext, image.id
    shot.file_name, shot.file_version = image.file_name, name.version
    tx.save(file)


async def _image(tx: Transaction, project: Project, actor: Actor, command: SubmitShotImage) -> Image:
    return image_of(await taken(tx, project, command.stored), project, actor)


def _keep_image(tx: Transaction, image: Image) -> None:
    tx.add(image)
    tx.record(image.created())


def _extension(command: SubmitShotImage) -> str:
    return EXTENSIONS[command.stored.picture.mime_type] if command.stored else EXTENSION
