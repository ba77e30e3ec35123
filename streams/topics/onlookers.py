"""Who is present, as the listeners of a topic were told so far."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import Any

from domain.ids import Id
from domain.presence import Presence, plain
from streams.feeds.deliveries import Delivery
from streams.presence.room import PresenceChange, Room
from streams.presence.rooms import Rooms

Told = dict[Id, dict[Id, Presence]]
"""Who is present, by project and connection."""


class Onlooker:
    """Looks at rooms. `changes` are what differs from what was told; `wake` is called when there may be some."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._rooms: dict[Id, Room] = {}
        self._told: Told = {}
        self.changed_at = datetime.now(UTC)
        self._changed: dict[tuple[Id, Id], None] = {}  # a set in the order of arrival

    async def enter(self, stack: AsyncExitStack, rooms: Rooms, project_id: Id) -> None:
        """Look at this room too, as long as the stack lasts."""
        room = await stack.enter_async_context(rooms.watch(project_id))
        notice = partial(self._notice, project_id)
        room.listeners.add(notice)
        stack.callback(room.listeners.discard, notice)
        self._rooms[project_id] = room
        self._told[project_id] = dict(room.members)

    def changes(self, cursor: str) -> list[Delivery]:
        """What has changed since, each connection once; from now on it counts as told."""
        changed, self._changed = self._changed, {}
        self.changed_at = datetime.now(UTC) if changed else self.changed_at
        found = [self._change(project_id, connection_id, cursor) for project_id, connection_id in changed]
        return [delivery for delivery in found if delivery]

    def told(self) -> Told:
        """Who is present in each room, as was told."""
        return {project_id: dict(members) for project_id, members in self._told.items()}

    def since(self, told: Told, cursor: str) -> list[Delivery]:
        """What is to be told to whoever was told that, so that they know the same."""
        found = []
        for project_id, members in self._told.items():
            for connection_id in {**told[project_id], **members}:
                before, now = told[project_id].get(connection_id), members.get(connection_id)
                found.append(_difference(cursor, before, now))
        return [delivery for delivery in found if delivery]

    def _notice(self, project_id: Id, change: PresenceChange) -> None:
        self._changed[project_id, change.presence.connection_id] = None
        self._wake()

    def _change(self, project_id: Id, connection_id: Id, cursor: str) -> Delivery | None:
        told = self._told[project_id]
        before, now = told.pop(connection_id, None), self._rooms[project_id].members.get(connection_id)
        if now is not None:
            told[connection_id] = now
        return _difference(cursor, before, now)


def snapshot(cursor: str, project_id: Id, members: dict[Id, Presence], changed_at: datetime) -> Delivery:
    """Who is present when somebody begins to look; the same for all who begin before it changes."""
    here = list(members.values())
    return Delivery(
        cursor=cursor,
        channel="presence",
        event="presence.snapshot",
        payload={"projectId": project_id, "members": [plain(one) for one in here]},
        subject_type="PresenceSnapshot",
        subject_id=project_id,
        subject=here,
        occurred_at=changed_at,
    )


def _difference(cursor: str, before: Presence | None, now: Presence | None) -> Delivery | None:
    if now is None:
        return _left(cursor, before) if before else None
    if before is None:
        return _here(cursor, "presence.joined", now)
    return _here(cursor, "presence.updated", now) if before.version != now.version else None


def _here(cursor: str, event: str, presence: Presence) -> Delivery:
    return _delivery(cursor, event, presence, {"projectId": presence.project_id, **plain(presence)})


def _left(cursor: str, presence: Presence) -> Delivery:
    told = {"projectId": presence.project_id, "connectionId": presence.connection_id}
    return _delivery(cursor, "presence.left", presence, told)


def _delivery(cursor: str, event: str, presence: Presence, payload: dict[str, Any]) -> Delivery:
    return Delivery(
        cursor=cursor,
        channel="presence",
        event=event,
        payload=payload,
        subject_type="Presence",
        subject_id=presence.connection_id,
        subject=presence,
    )
