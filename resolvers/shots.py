"""Film shots: batches, shots, the files they have, what happened to them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import UploadFile
from strawberry.file_uploads import Upload

from domain.errors import InvalidInput
from domain.forms import Claim
from domain.ids import Id
from domain.images import Image
from domain.ports import Command
from domain.projects import Project
from domain.runs import Run
from domain.shots.batch import ShotBatch
from domain.shots.batch_commands import StartShotBatch
from domain.shots.files import ShotFile, nomenclature_of
from domain.shots.logs import LogLine
from domain.shots.matching import ShotFileMatch
from domain.shots.name_fields import ShotTask
from domain.shots.planning import PreviewShotBatch, ShotBatchPreview
from domain.shots.shot import Shot, ShotStatus
from domain.shots.submitting import MatchShotFiles, SubmitShotImage
from gateway.forms import hash_of, size_of
from resolvers.context import Info
from resolvers.mutations import Payload
from storage.pages import Page


@dataclass(kw_only=True)
class OfShot(Command[Any]):
    """Which shot is meant."""

    id: Id


@dataclass(kw_only=True)
class OfShotBatch(Command[Any]):
    """Which batch is meant."""

    id: Id


@dataclass(kw_only=True)
class ShotPictureBrought(Command[Shot]):
    """
    Bring a shot's picture. By `shot_id` it is that shot's, whatever the file is called; without, the file's name says
    whose it is: of the batch, or of those that wait in the project the key stands for.
    """

    shot_id: Id | None = None
    batch_id: Id | None = None
    file: Upload


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFileName:
    """What a name says; of one that is no name of a shot's file only the problem."""

    season: str | None = None
    episode: str | None = None
    sequence: str | None = None
    plan: str | None = None
    task: ShotTask | None = None
    version: int | None = None
    extension: str | None = None
    shot: Shot | None = None
    problem: str | None = None


async def shot_batch(info: Info, id: Id) -> ShotBatch | None:
    return await info.context.reads.one(ShotBatch, info.context.actor, id=id)


async def shot_batches_of(
    root: Project, info: Info, first: int | None = 20, after: str | None = None
) -> Page[ShotBatch]:
    return await info.context.reads.page(ShotBatch, info.context.actor, first=first, after=after, project_id=root.id)


async def shots_of(
    root: ShotBatch,
    info: Info,
    first: int | None = 100,
    after: str | None = None,
    status: list[ShotStatus] | None = None,
) -> Page[Shot]:
    given = {"status": status} if status is not None else {}
    wanted = {"batch_id": root.id, **given}
    return await info.context.reads.page_from_oldest(Shot, info.context.actor, first=first, after=after, **wanted)


async def logs_of_batch(
    root: ShotBatch, info: Info, first: int | None = 100, after: str | None = None
) -> Page[LogLine]:
    wanted = {"batch_id": root.id}
    return await info.context.reads.page_from_oldest(LogLine, info.context.actor, first=first, after=after, **wanted)


async def logs_of_shot(root: Shot, info: Info, first: int | None = 100, after: str | None = None) -> Page[LogLine]:
    wanted = {"shot_id": root.id}
    return await info.context.reads.page_from_oldest(LogLine, info.context.actor, first=first, after=after, **wanted)


async def batch_of(root: Shot, info: Info) -> ShotBatch:
    found = await info.context.load(ShotBatch, root.batch_id)
    assert found is not None  # noqa: S101 - a shot is there no longer than its batch
    return found


async def image_of(root: Shot | ShotFile, info: Info) -> Image | None:
    return await info.context.load(Image, root.image_id)


async def source_image_of(root: Shot, info: Info) -> Image | None:
    return await info.context.load(Image, root.source_image_id)


async def run_of(root: Shot, info: Info) -> Run | None:
    return await info.context.load(Run, root.run_id)


async def files_of(root: Shot, info: Info) -> list[ShotFile]:
    return await info.context.load_many(ShotFile, "shot_id", root.id)


def claim_of(root: Shot) -> Claim | None:
    return root.claim if root.claim and root.claim.expires_at > datetime.now(UTC) else None


async def parse_file_name(info: Info, project_id: Id, file_name: str) -> ParsedFileName | None:
    project = await info.context.reads.one(Project, info.context.actor, id=project_id)
    if project is None:
        return None
    nomenclature = nomenclature_of(project)
    says = nomenclature.parse(file_name)
    if says is None:
        return ParsedFileName(problem=nomenclature.problem(file_name))
    return ParsedFileName(
        season=says.season,
        episode=says.episode,
        sequence=says.sequence,
        plan=says.plan,
        task=says.task,
        version=says.version,
        extension=says.ext,
        shot=await _shot_named(info, project, file_name),
    )


async def _shot_named(info: Info, project: Project, file_name: str) -> Shot | None:
    """The shot that has the name, else the one that waits for such a file."""
    file = await info.context.reads.one(ShotFile, info.context.actor, project_id=project.id, name=file_name)
    if file is not None and file.shot_id is not None:
        return await info.context.load(Shot, file.shot_id)
    command = MatchShotFiles(file_names=[file_name], project_id=project.id)
    (found,) = await info.context.execute(command)
    return found.shot


async def match_shot_files(
    info: Info, file_names: list[str], batch_id: Id | None = None, project_id: Id | None = None
) -> list[ShotFileMatch] | None:
    command = MatchShotFiles(file_names=file_names, batch_id=batch_id, project_id=project_id)
    return await info.context.execute(command)


async def preview_shot_batch(info: Info, input: StartShotBatch) -> ShotBatchPreview | None:
    return await info.context.execute(PreviewShotBatch(start=input))


async def submit_shot_image(info: Info, input: ShotPictureBrought) -> Payload[Shot]:
    if not isinstance(input.file, UploadFile):
        message = "Send the file as the GraphQL multipart request specification says"
        raise InvalidInput(message, field="file")
    uploads = info.context.studio.uploads
    async with uploads.turn(size_of(input.file, uploads.shot_bytes)):
        data = await input.file.read()
        command = SubmitShotImage(
            client_mutation_id=input.client_mutation_id,
            shot_id=input.shot_id,
            batch_id=input.batch_id,
            file_name=input.file.filename or "",
            sent_hash=await hash_of(data),
        )
        return Payload(input.client_mutation_id, await uploads.submit(info.context.actor, command, data))


submit_shot_image.__name__ = SubmitShotImage.__name__
