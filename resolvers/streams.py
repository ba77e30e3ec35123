"""Live updates: what happens, to whoever watches."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from domain.errors import DomainError, ErrorCode
from domain.generations import Generation
from domain.ids import Id
from domain.images import Image
from domain.permissions import Permission
from domain.projects import Project
from domain.runs import Run
from domain.steps import Step
from resolvers.context import Context, Info
from storage.reads import READS
from streams.deliveries import Audience, Delivery
from streams.states import states_of

MOST_CHANNELS = 50
_SUBJECTS: dict[str, type] = {"Run": Run, "RunStep": Step, "Generation": Generation, "Image": Image}


class ChannelName(StrEnum):
    RUNS = "RUNS"


@dataclass
class Channel:
    """What to follow: all runs of a project, or one run. Without either, the project the key stands for."""

    name: ChannelName
    project_id: Id | None = None
    run_id: Id | None = None


@dataclass(frozen=True, slots=True)
class Resync:
    reason: str
    cursor: str


async def stream(info: Info, channels: list[Channel], after: str | None = None) -> AsyncIterator[Delivery]:
    context = info.context
    audience = await _audience(context, channels)
    async for delivery in context.studio.deliveries.follow(audience, after):
        yield delivery


async def _audience(context: Context, channels: list[Channel]) -> Audience:
    if not 1 <= len(channels) <= MOST_CHANNELS:
        message = f"Name 1 to {MOST_CHANNELS} channels"
        raise DomainError(ErrorCode.VALIDATION_ERROR, message, field="channels")
    found: dict[Id, frozenset[Id] | None] = {}
    for channel in channels:
        project_id, runs = await _followed(context, channel)
        before = found.get(project_id, frozenset())
        found[project_id] = None if runs is None or before is None else before | runs
    return found


async def _followed(context: Context, channel: Channel) -> tuple[Id, frozenset[Id] | None]:
    reads, actor = context.reads, context.actor
    actor.require(Permission.RUNS_READ)
    if channel.run_id is not None:
        run = await reads.one(Run, actor, id=channel.run_id)
        if run is None:
            raise DomainError(ErrorCode.RUN_NOT_FOUND, "There is no such run", field="channels.runId")
        return run.project_id, frozenset({run.id})
    project = await reads.one(Project, actor, id=context.project_id(channel.project_id))
    if project is None or not actor.may(Permission.RUNS_READ, project.id):
        raise DomainError(ErrorCode.PROJECT_NOT_FOUND, "There is no such project", field="channels.projectId")
    return project.id, None


async def subject_of(root: Delivery, info: Info) -> Any:
    """The entity as it is now; None where this viewer may not read such."""
    if root.subject_type == "Resync":
        return Resync(root.payload["reason"], root.cursor)
    kind = _SUBJECTS[root.subject_type]
    return await info.context.load(kind, root.subject_id) if info.context.actor.may(READS[kind]) else None


async def run_updated(info: Info, id: Id) -> AsyncIterator[Run]:
    reads, actor = info.context.reads, info.context.actor
    run = await reads.one(Run, actor, id=id)
    if run is None:
        raise DomainError(ErrorCode.RUN_NOT_FOUND, "There is no such run", field="id")
    async for state in states_of(run, info.context.studio.hub, reads, actor):
        yield state
