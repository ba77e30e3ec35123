"""What a resolver may use."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, TypeVar

from strawberry import Info as StrawberryInfo
from strawberry.dataloader import DataLoader

from domain.commands import execute
from domain.ids import Id
from domain.permissions import Actor
from domain.ports import Command
from gateway.limits import LimitState
from resolvers.studio import Studio
from storage.reads import Reads

Result = TypeVar("Result")
Entity = TypeVar("Entity")


@dataclass(slots=True)
class Context:
    """One operation; `connection_id` is the socket's that it came by, if it came by one."""

    studio: Studio
    actor: Actor
    trace_id: str
    address: str | None = None
    connection_id: Id | None = None
    _loaders: dict[tuple[type, str], DataLoader[str, Any]] = field(default_factory=dict)

    @property
    def reads(self) -> Reads:
        return self.studio.reads

    async def execute(self, command: Command[Result]) -> Result:
        return await execute(self.studio.begin, self.actor, command)

    async def spend(self, cost: int) -> LimitState:
        """Take the cost of an operation from the actor's minute."""
        return await self.studio.meter.spend(self.actor, cost)

    async def load(self, kind: type[Entity], id: str | None) -> Entity | None:
        """The entity with this id; all that are asked for at the same moment come with one query."""
        found = await self._loader(kind, "id").load(id) if id is not None else []
        return found[0] if found else None

    async def load_many(self, kind: type[Entity], column: str, value: str) -> list[Entity]:
        """The entities whose column has this value, oldest first; batched as `load` is."""
        found: list[Entity] = await self._loader(kind, column).load(value)
        return found

    async def load_newest(self, kind: type[Entity], column: str, value: str) -> Entity | None:
        """The newest entity whose column has this value; batched as `load` is."""
        key = (kind, f"newest of {column}")
        if key not in self._loaders:

            async def fetch(values: list[str]) -> list[Any]:
                rows = await self.reads.newest_of_each(kind, self.actor, column, values)
                found = {getattr(row, column): row for row in rows}
                return [found.get(value) for value in values]

            self._loaders[key] = DataLoader(load_fn=fetch, cache=False)
        newest: Entity | None = await self._loaders[key].load(value)
        return newest

    async def load_count(self, kind: type, column: str, value: str, **equals: Any) -> int:
        """How many entities have this value in the column, and these fields; batched as `load` is."""
        key = (kind, f"count by {column}")
        if key not in self._loaders:

            async def fetch(values: list[str]) -> list[int]:
                counts = await self.reads.count_of_each(kind, self.actor, column, values, **equals)
                return [counts.get(value, 0) for value in values]

            self._loaders[key] = DataLoader(load_fn=fetch, cache=False)
        count: int = await self._loaders[key].load(value)
        return count

    def _loader(self, kind: type, column: str) -> DataLoader[str, Any]:
        key = (kind, column)
        if key not in self._loaders:

            async def fetch(values: list[str]) -> list[list[Any]]:
                rows: list[Any] = await self.reads.many(kind, self.actor, **{column: list(dict.fromkeys(values))})
                found: dict[str, list[Any]] = defaultdict(list)
                for row in reversed(rows):
                    found[getattr(row, column)].append(row)
                return [found[value] for value in values]

            # A subscription lives long: what was read for one event must not answer the next.
            self._loaders[key] = DataLoader(load_fn=fetch, cache=False)
        return self._loaders[key]

    def project_id(self, named: Id | None) -> Id:
        """The project that was named, or the one this key or token stands for."""
        return self.actor.project_meant(named)


Info = StrawberryInfo[Context, None]
