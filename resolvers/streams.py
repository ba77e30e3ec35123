"""Live updates: what happens, to whoever watches."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from domain.announcements import EVERYBODY
from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.generations import Generation
from domain.ids import Id, parse_id
from domain.images import Image
from domain.permissions import Actor, Permission
from domain.presence import Presence
from domain.runs import Run
from domain.shots.batch import ShotBatch
from domain.shots.shot import Shot
from domain.steps import Step
from resolvers.announcements import announcement_of
from resolvers.context import Info
from resolvers.mutations import Payload
from resolvers.studio import Studio
from storage.reads import READS
from streams.envelope.messages import MOST_CHANNELS, Wanted
from streams.feeds.deliveries import Delivery, Interest
from streams.topics.channels import Channels, Origins
from streams.topics.states import States

_SUBJECTS: dict[str, type] = {
    "Run": Run,
    "RunStep": Step,
    "Generation": Generation,
    "Image": Image,
    "ShotBatch": ShotBatch,
    "Shot": Shot,
}


class ChannelName(StrEnum):
    RUNS = "RUNS"
    PRESENCE = "PRESENCE"
    ANNOUNCEMENTS = "ANNOUNCEMENTS"


@dataclass
class Channel:
    """What to follow: of a project, or of one run. Without either, of the project the key stands for."""

    name: ChannelName
    project_id: Id | None = None
    run_id: Id | None = None


@dataclass
class SetPresence:
    """What somebody looks at: a JSON object of at most 2 KiB; null leaves."""

    state: dict[str, Any] | None
    project_id: Id | None = None
    client_mutation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Resync:
    reason: str
    cursor: str


@dataclass(frozen=True, slots=True)
class PresenceSnapshot:
    project_id: Id
    members: list[Presence]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Whatever is read below it is read after the cursor."""

    cursor: str


async def stream(info: Info, channels: list[Channel], after: str | None = None) -> Channels:
    return await Usher(info.context.studio).channels(info.context.actor, _wanted(channels), after)


async def snapshot(info: Info, channels: list[Channel]) -> Snapshot:
    found = await Usher(info.context.studio).channels(info.context.actor, _wanted(channels), None)
    return Snapshot(await found.cursor())


async def set_presence(info: Info, input: SetPresence) -> Payload[Id]:
    context = info.context
    if context.connection_id is None:
        raise InvalidInput("Presence is a socket's own: say it over /v1/streams, by graphql-transport-ws")
    await Usher(context.studio).be_present(context.actor, context.connection_id, input.project_id, input.state)
    return Payload(input.client_mutation_id, context.connection_id)


def _wanted(channels: list[Channel]) -> list[Wanted]:
    return [Wanted(channel.name.lower(), channel.project_id, channel.run_id) for channel in channels]


@dataclass(frozen=True, slots=True)
class Usher:
    """Finds what a caller may follow, and says in their name what they look at."""

    studio: Studio

    async def channels(self, actor: Actor, wanted: Sequence[Wanted], after: str | None) -> Channels:
        """Raises PROJECT_NOT_FOUND, RUN_NOT_FOUND, FORBIDDEN, CURSOR_EXPIRED."""
        if not 1 <= len(wanted) <= MOST_CHANNELS:
            raise InvalidInput(f"Name 1 to {MOST_CHANNELS} channels", field="channels")
        interests: dict[Id, Interest] = {}
        rooms: set[Id] = set()
        for one in wanted:
            if one.channel == "announcements":
                interests[EVERYBODY] = Interest(frozenset({"Announcement"}))
            elif one.channel == "presence":
                rooms.add(await self._project(actor, one.project_id, Permission.PROJECTS_READ))
            else:
                feed, interest = await self._runs(actor, one)
                interests[feed] = interests[feed] | interest if feed in interests else interest
        studio = self.studio
        asked = None if after is None else studio.cursors.read(after)
        origins = Origins(studio.deliveries, studio.rooms, studio.announcements)
        return Channels(origins=origins, interests=interests, rooms=frozenset(rooms), asked=asked)

    async def pay(self, actor: Actor, cost: int) -> None:
        (await self.studio.meter.spend(actor, cost)).require()

    async def be_present(self, actor: Actor, connection_id: Id, project_id: Id | None, state: Any) -> None:
        """Raises PROJECT_NOT_FOUND, VALIDATION_ERROR for a state that cannot be told."""
        found = await self._project(actor, project_id, Permission.PROJECTS_READ)
        if state is None:
            self.studio.rooms.leave(found, connection_id)
        else:
            await self.studio.rooms.say(connection_id, found, actor, state)

    async def _runs(self, actor: Actor, wanted: Wanted) -> tuple[Id, Interest]:
        if wanted.run_id is None:
            project_id = await self._project(actor, wanted.project_id, Permission.RUNS_READ)
            return project_id, Interest(_readable(actor, project_id))
        actor.require(Permission.RUNS_READ)
        run = await self.studio.reads.one(Run, actor, id=wanted.run_id)
        if run is None:
            raise DomainError(ErrorCode.RUN_NOT_FOUND, "There is no such run", field="channels.runId")
        return run.project_id, Interest(_readable(actor, run.project_id), frozenset({run.id}))

    async def _project(self, actor: Actor, named: Id | None, permission: Permission) -> Id:
        actor.require(permission)
        project_id = parse_id(actor.project_meant(named))
        if project_id is None or not actor.may(permission, project_id):
            raise _no_project()
        if not await self.studio.reads.has_project(actor.organization_id, project_id):
            raise _no_project()
        return project_id


def _no_project() -> DomainError:
    return DomainError(ErrorCode.PROJECT_NOT_FOUND, "There is no such project", field="channels.projectId")


def _readable(actor: Actor, project_id: Id) -> frozenset[str]:
    """What of a project's events the actor may read."""
    return frozenset(name for name, kind in _SUBJECTS.items() if actor.may(READS[kind], project_id))


async def subject_of(root: Delivery, info: Info) -> Any:
    """The entity as it is now; None where it is gone."""
    match root.subject_type:
        case "Resync":
            return Resync(root.payload["reason"], root.cursor)
        case "Presence":
            return None if root.event == "presence.left" else root.subject
        case "PresenceSnapshot":
            return PresenceSnapshot(Id(root.subject_id), root.subject)
        case "Announcement":
            return await announcement_of(info.context, Id(root.subject_id))
        case name:
            return await info.context.load(_SUBJECTS[name], root.subject_id)


async def run_updated(info: Info, id: Id) -> States[Run]:
    studio, actor = info.context.studio, info.context.actor
    run = await studio.reads.one(Run, actor, id=id)
    if run is None:
        raise DomainError(ErrorCode.RUN_NOT_FOUND, "There is no such run", field="id")
    return States(run, studio.hub, studio.reads, actor)
