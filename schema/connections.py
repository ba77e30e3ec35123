"""Relay connections."""

import re
from typing import Generic, TypeVar

import strawberry
from strawberry.schema.name_converter import NameConverter
from strawberry.types.base import StrawberryObjectDefinition, StrawberryType

from schema.fields import said
from storage.pages import Page

T = TypeVar("T")
# Of these the lists are called by another name than their items.
_NAMES = {"LedgerEntry": "Ledger", "LogLine": "Log"}


class Names(NameConverter):
    """`LedgerConnection` is a page of ledger entries."""

    def from_generic(self, generic_type: StrawberryObjectDefinition, types: list[StrawberryType | type]) -> str:
        name = super().from_generic(generic_type, types)
        for item, of_lists in _NAMES.items():
            name = re.sub(f"^{item}(?=Connection$|Edge$)", of_lists, name)
        return name


async def _total_count(root: Page[object]) -> int:
    return await root.total_count()


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool = said("Whether there are more after this page.")
    has_previous_page: bool = said("Whether there are some before this page.")
    start_cursor: str | None = said("The cursor of the first item; null on an empty page.")
    end_cursor: str | None = said("The cursor of the last item, for `after`; null on an empty page.")


@strawberry.type(description="An item and its place in the list.")
class Edge(Generic[T]):
    cursor: str = said("The item's place, for `after`.")
    node: T = said("The item.")


@strawberry.type(description="A page of a list; stable while items are added.")
class Connection(Generic[T]):
    edges: list[Edge[T]] = said("The items, each with its cursor.")
    nodes: list[T] = said("The items.")
    page_info: PageInfo = said("How to go on.")
    total_count: int = said("How many items the whole list has; counted only when asked for.", _total_count)
