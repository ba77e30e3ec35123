"""A room: who is present in a project, as this process sees it, for all who watch it here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import structlog

from domain.ids import Id
from domain.presence import MOST_PRESENT, Presence, by_coming

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PresenceChange:
    """Who came, changed or left; of who left, the last that was known of them."""

    kind: Literal["joined", "updated", "left"]
    presence: Presence


Listener = Callable[[PresenceChange], None]


class Room:
    """`members` are in the order they came. `listeners` are called at each change; none may wait or fail."""

    def __init__(self, project_id: Id) -> None:
        self.project_id = project_id
        self.members: dict[Id, Presence] = {}
        self.listeners: set[Listener] = set()
        self._left: dict[Id, int] = {}  # with which version, the newest last
        self._news: set[Id] = set()

    def take(self, presence: Presence) -> None:
        """Somebody is here, or says something new. What is older than what is known changes nothing."""
        id_, known = presence.connection_id, self.members.get(presence.connection_id)
        if presence.version <= (known.version if known else self._left.get(id_, 0)):
            return
        self._news.add(id_)
        self._left.pop(id_, None)
        if known and known.since != presence.since:
            del self.members[id_]  # they left meanwhile, and are the last to come
        self.members[id_] = presence
        self._put_in_order()
        self._tell(PresenceChange("updated" if known else "joined", presence))

    def leave(self, presence: Presence) -> None:
        """Somebody said that they leave: what they said before and comes later does not bring them back."""
        id_, known = presence.connection_id, self.members.get(presence.connection_id)
        if known and known.version > presence.version:
            return
        self._news.add(id_)
        self._left[id_] = max(self._left.pop(id_, 0), presence.version)
        if len(self._left) > MOST_PRESENT:
            del self._left[next(iter(self._left))]
        self.miss(id_)

    def miss(self, connection_id: Id) -> None:
        """Somebody is not here, and did not say so."""
        if known := self.members.pop(connection_id, None):
            self._tell(PresenceChange("left", known))

    def begin_comparing(self) -> None:
        """What is heard from now on is newer than what is read meanwhile."""
        self._news.clear()

    def compare(self, present: Iterable[Presence], *, complete: bool) -> None:
        """Take over what was read; where it is all there is, who is not in it has left."""
        found = {presence.connection_id: presence for presence in present}
        for id_ in [id_ for id_ in self.members if complete and id_ not in found and id_ not in self._news]:
            self.miss(id_)
        for presence in found.values():
            self.take(presence)

    def _put_in_order(self) -> None:
        """Who came last stands last already, but for what was heard late."""
        last, *before = islice(reversed(self.members.values()), 2)
        if before and by_coming(last) < by_coming(before[0]):
            in_order = sorted(self.members.values(), key=by_coming)
            self.members.clear()
            self.members.update({presence.connection_id: presence for presence in in_order})

    def _tell(self, change: PresenceChange) -> None:
        for listener in list(self.listeners):
            try:
                listener(change)
            except Exception:
                # One who cannot take it must not keep it from the others.
                log.exception("a listener of a room failed", project_id=self.project_id)
