"""A generation job: pictures that a program asked for by one call, made by a run of a built-in workflow."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.errors import ErrorCode
from domain.events import Event
from domain.ids import Id
from domain.images import Image
from domain.plain import plain
from domain.ports import Transaction
from domain.runs import Run, RunStatus
from domain.steps import RunError

REQUESTED = "AIGenerationJobRequested"
COMPLETED, FAILED = "generation_job.completed", "generation_job.failed"


class JobStatus(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    SUCCESS = "success"
    FAILED = "failed"


_STATUSES: dict[RunStatus, JobStatus] = {
    RunStatus.QUEUED: JobStatus.PENDING,
    RunStatus.RUNNING: JobStatus.PROCESSING,
    RunStatus.WAITING: JobStatus.PROCESSING,
    RunStatus.SUCCEEDED: JobStatus.SUCCESS,
    RunStatus.FAILED: JobStatus.FAILED,
    RunStatus.CANCELED: JobStatus.FAILED,
}


_CANCELED = RunError(code=ErrorCode.CONFLICT, message="The job was canceled")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAsset:
    """A finished picture: where its bytes are, its size in pixels, and their media type."""

    id: Id
    url: str
    width: int
    height: int
    mime_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationJob:
    """What its caller sees of it: `progress` is 0.0 to 1.0, `cost` in credits."""

    id: Id
    project_id: Id
    status: JobStatus
    status_url: str
    progress: float
    prompt: str
    assets: tuple[JobAsset, ...]
    cost: Decimal
    error: RunError | None
    trace_id: str
    created_at: datetime
    finished_at: datetime | None


def job_of(run: Run, images: Sequence[Image], public_url: str) -> GenerationJob:
    by_id = {image.id: image for image in images}
    return GenerationJob(
        id=run.id,
        project_id=run.project_id,
        status=_STATUSES[run.status],
        status_url=f"{public_url}/v1/generate/{run.id}",
        progress=run.progress,
        prompt=str(run.inputs["prompt"]),
        assets=tuple(_asset(by_id[id_], public_url) for id_ in image_ids_of(run) if id_ in by_id),
        cost=run.cost,
        error=run.error or (_CANCELED if run.status is RunStatus.CANCELED else None),
        trace_id=run.trace_id,
        created_at=run.created_at,
        finished_at=run.finished_at,
    )


def image_ids_of(run: Run) -> list[Id]:
    """Of the pictures that the run has handed back, in their order."""
    return [Id(value["imageId"]) for value in run.outputs.get("images", [])]


def _asset(image: Image, public_url: str) -> JobAsset:
    return JobAsset(
        id=image.id,
        url=f"{public_url}{image.path}",
        width=image.width,
        height=image.height,
        mime_type=image.mime_type,
    )


def requested(run: Run) -> Event:
    """That a job was asked for; recorded in the transaction that queues it."""
    return _told(REQUESTED, run, {"inputs": run.inputs, "settings": run.node_settings, "createdBy": run.created_by})


async def conclude(tx: Transaction, run: Run) -> None:
    """Tell whoever asked for it how it ended, pictures and all."""
    ids = image_ids_of(run)
    images = await tx.find(Image, id=ids, deleted_at=None) if ids else []
    event = COMPLETED if run.status is RunStatus.SUCCEEDED else FAILED
    tx.record(_told(event, run, plain(job_of(run, images, tx.public_url))))


def _told(event: str, run: Run, payload: dict[str, object]) -> Event:
    return Event(
        event=event,
        project_id=run.project_id,
        run_id=run.id,
        subject_type="Run",
        subject_id=run.id,
        version=run.version,
        payload=payload,
    )
