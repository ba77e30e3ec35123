"""Presences of one process, for servers without Redis."""

from collections.abc import Callable, Sequence
from time import monotonic

from domain.ids import Id
from domain.presence import MOST_PRESENT, Presence, by_coming, crowded


class HerePresences:
    """Never away."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._rooms: dict[Id, dict[Id, tuple[float, Presence]]] = {}

    async def put(self, presence: Presence, seconds: float) -> None:
        room = self._present(presence.project_id)
        _, known = room.get(presence.connection_id, (0.0, None))
        if known is None and len(room) >= MOST_PRESENT:
            raise crowded()
        if known is None or known.version <= presence.version:
            room[presence.connection_id] = (self._clock() + seconds, presence)
            self._rooms[presence.project_id] = room

    async def keep(self, presences: Sequence[Presence], seconds: float) -> list[Presence]:
        missing = []
        for presence in presences:
            room = self._present(presence.project_id)
            _, known = room.get(presence.connection_id, (0.0, None))
            if known is None or known.version < presence.version:
                missing.append(presence)
            else:
                room[presence.connection_id] = (self._clock() + seconds, known)
        return missing

    async def remove(self, project_id: Id, connection_id: Id) -> None:
        self._present(project_id).pop(connection_id, None)
        self._present(project_id)

    async def of(self, project_id: Id) -> list[Presence]:
        return sorted((presence for _, presence in self._present(project_id).values()), key=by_coming)

    def _present(self, project_id: Id) -> dict[Id, tuple[float, Presence]]:
        """The project's room without those whose time is over; one that nobody is in is forgotten."""
        room, now = self._rooms.get(project_id, {}), self._clock()
        for connection_id in [id_ for id_, (until, _) in room.items() if until <= now]:
            del room[connection_id]
        if not room:
            self._rooms.pop(project_id, None)
        return room
