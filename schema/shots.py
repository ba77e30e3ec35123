"""Film shots: batches, shots, the files they have, what happened to them."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from domain.ids import Id
from domain.shots import batch as domain_batch
from domain.shots import files as domain_files
from domain.shots import logs as domain_logs
from domain.shots import matching as domain_matching
from domain.shots import planning as domain_planning
from domain.shots import shot as domain_shot
from resolvers import projects
from resolvers import shots as reads
from resolvers.mutations import Payload, entity_of
from schema.connections import Connection
from schema.fields import of, said
from schema.payloads import ECHO
from schema.pictures import Image
from schema.runs import Claim, Run, RunError
from schema.types import Node, Project, WorkflowProblem


@of(domain_batch.ShotCounts)
class ShotCounts:
    """How many shots of a batch there are of each status."""

    queued: int = said("Nothing of them has begun.")
    running: int = said("Their pictures are being made.")
    waiting: int = said("They wait for people who bring their pictures.")
    done: int = said("They have their pictures.")
    error: int = said("They failed.")
    canceled: int = said("They were called off.")


@of(domain_logs.LogLine)
class LogLine:
    """One thing that happened."""

    at: datetime = said("When.")
    level: str = said("info, warning or error.")
    message: str = said("What.")
    shot_id: Id | None = said("To which shot; null where it is about the whole batch.")


@of(domain_files.ShotFile)
class ShotFile:
    """A name that was given, to a picture that is there or is yet to be made."""

    name: str = said("The file's name.")
    version: int = said("Its version, 1 for the first.")
    image: Image | None = said("The picture; null until it is there.", reads.image_of)


@of(domain_batch.ShotBatch)
class ShotBatch(Node):
    """The plans of some sequences of one episode, each to get one picture with a strict name."""

    project: Project = said("Where it belongs.", projects.project_of)
    season: str = said("As S02.")
    episode: str = said("As E202.")
    style: str = said("The PROMPT asset that its pictures are described by.")
    workflow_json: str | None = said("The FILE asset whose graph makes them.")
    mode: domain_shot.BatchMode = said("Whether they are generated or brought, where a shot says nothing else.")
    params: dict[str, Any] = said("What was asked for besides.")
    status: domain_batch.BatchStatus = said("How far it is.")
    progress: float = said("0.0 to 1.0: the part of its shots that nothing more happens to by itself.")
    counts: ShotCounts = said("How many shots there are of each status.")
    max_credits: Decimal | None = said("What it may cost; then it pauses.")
    cost: Decimal = said("What it has cost, in credits.")
    paused_because: str | None = said("Why it is paused, and what to do.")
    shots: Connection["Shot"] = said("Its shots, in the order they were asked for.", reads.shots_of)
    logs: Connection[LogLine] = said("What happened, newest last.", reads.logs_of_batch)
    version: int = said("Grows by 1 with each change.")
    created_at: datetime = said("When it was started.")
    updated_at: datetime = said("When it was last changed.")


@of(domain_shot.Shot)
class Shot(Node):
    """One plan of a batch, which gets one picture with a strict name."""

    batch: ShotBatch = said("The batch it is of.", reads.batch_of)
    sequence: str = said("As SQ0010.")
    plan: str = said("As 0020.")
    mode: domain_shot.BatchMode = said("Whether its picture is generated or brought.")
    file_name: str = said("The name its picture has, or is going to have.")
    status: domain_shot.ShotStatus = said("How far it is.")
    progress: float = said("0.0 to 1.0 of its picture.")
    attempt: int = said("Which attempt this is; each has the next version of the name.")
    image: Image | None = said("Its picture.", reads.image_of)
    source_image: Image | None = said("The plan's own picture that it is made from.", reads.source_image_of)
    files: list[ShotFile] = said("All versions of its name, oldest first.", reads.files_of)
    run: Run | None = said("The run that makes its picture, or made it last.", reads.run_of)
    error: RunError | None = said("Why it failed.")
    claim: Claim | None = said("Who is on it, while it waits.", reads.claim_of)
    logs: Connection[LogLine] = said("What happened to it, newest last.", reads.logs_of_shot)
    version: int = said("Grows by 1 with each change.")


@of(domain_planning.ShotBatchPreview)
class ShotBatchPreview:
    """What a batch would be, without starting it."""

    file_names: list[str] = said("The names of its files, in the order of the shots.")
    problems: list[WorkflowProblem] = said("All that is wrong; `nodeId` names the shot where it is about one.")
    quote: Decimal = said("What it would cost at most, in credits.")


@of(reads.ParsedFileName)
class ParsedFileName:
    """What a file's name says."""

    season: str | None = said("As S02.")
    episode: str | None = said("As E202.")
    sequence: str | None = said("As SQ0010.")
    plan: str | None = said("As 0020.")
    task: str | None = said("extracted-raw or AI-concept.")
    version: int | None = said("1 for the first.")
    extension: str | None = said("png, jpg or webp.")
    shot: Shot | None = said("The shot that has this name, or waits for such a file.")
    problem: str | None = said("Why it is no name of a shot's file; null where it is one.")


@of(domain_matching.ShotFileMatch)
class ShotFileMatch:
    """Which shot a file is for, told by its name."""

    file_name: str = said("The name.")
    match: domain_matching.FileMatch = said("What became of it.")
    shot: Shot | None = said("The shot.")
    problem: str | None = said("Why it is not MATCHED, and what to do.")


@of(Payload)
class ShotBatchPayload:
    """The batch as it is now."""

    client_mutation_id: str | None = said(ECHO)
    shot_batch: ShotBatch = said("The batch.", entity_of)


@of(Payload)
class ShotPayload:
    """The shot as it is now."""

    client_mutation_id: str | None = said(ECHO)
    shot: Shot = said("The shot.", entity_of)
