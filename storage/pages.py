"""Pages of lists, and the cursors that lead from one to the next."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from domain.errors import InvalidInput
from domain.ids import Id, parse_id

Entity = TypeVar("Entity")

LONGEST_PAGE = 100
DEFAULT_PAGE = 20


class Count(Protocol):
    """How many rows the whole list has; counted when it is called."""

    async def total(self) -> int: ...


@dataclass(frozen=True, slots=True)
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass(frozen=True, slots=True)
class Edge(Generic[Entity]):
    node: Entity

    @property
    def cursor(self) -> str:
        return cursor_of(self.node)


@dataclass(frozen=True, slots=True)
class Page(Generic[Entity]):
    """Some rows, newest first, and how to ask for more; `total` is counted only when it is called."""

    nodes: list[Entity]
    has_next_page: bool
    has_previous_page: bool
    count: Count

    @property
    def edges(self) -> list[Edge[Entity]]:
        return [Edge(node) for node in self.nodes]

    @property
    def page_info(self) -> PageInfo:
        start, end = (cursor_of(self.nodes[0]), cursor_of(self.nodes[-1])) if self.nodes else (None, None)
        return PageInfo(self.has_next_page, self.has_previous_page, start, end)

    async def total_count(self) -> int:
        return await self.count.total()


@dataclass(frozen=True, slots=True)
class Listed(Generic[Entity]):
    """Some of `total` rows, newest first."""

    rows: list[Entity]
    total: int


def page_size(first: int | None) -> int:
    size = DEFAULT_PAGE if first is None else first
    if not 1 <= size <= LONGEST_PAGE:
        raise InvalidInput(f"first must be 1 to {LONGEST_PAGE}", field="first")
    return size


def cursor_of(entity: Any) -> str:
    return base64.urlsafe_b64encode(entity.id.encode()).decode()


def read_cursor(text: str) -> Id:
    try:
        found = parse_id(base64.urlsafe_b64decode(text.encode()).decode())
    except (ValueError, binascii.Error):
        found = None
    if found is None:
        raise InvalidInput("after is not a cursor of this list: use one that a page came with", field="after")
    return found
