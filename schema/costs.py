"""What operations cost, kept for documents that come again: walking one takes longer than running a small one."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import DocumentNode, get_operation_ast

from schema.limits import Measured, measure, page_length

MOST_LENGTHS = 100

Lengths = tuple[int | None, ...]


@dataclass(slots=True)
class _Known:
    """The variables that say how long pages are, and the cost by what they say."""

    pages: tuple[str, ...]
    costs: dict[Lengths, int] = field(default_factory=dict)

    def lengths(self, variables: Mapping[str, Any]) -> Lengths:
        return tuple([page_length(variables[name]) if name in variables else None for name in self.pages])


class Costs:
    def __init__(self, most_documents: int) -> None:
        self._most_documents = most_documents
        self._known: OrderedDict[tuple[str, str | None], _Known] = OrderedDict()

    def of(self, query: str, document: DocumentNode, name: str | None, variables: Mapping[str, Any]) -> Measured:
        """What running the operation of this name costs; only what is small enough is kept."""
        known = self._known.get((query, name))
        cost = known.costs.get(known.lengths(variables)) if known else None
        if cost is not None:
            self._known.move_to_end((query, name))
            return Measured(cost, [], ())
        measured = measure(document, get_operation_ast(document, name), variables)
        if not measured.excesses:
            self._keep((query, name), measured, variables)
        return measured

    def _keep(self, key: tuple[str, str | None], measured: Measured, variables: Mapping[str, Any]) -> None:
        known = self._known.setdefault(key, _Known(measured.pages))
        if len(known.costs) >= MOST_LENGTHS:
            known.costs.clear()
        known.costs[known.lengths(variables)] = measured.cost
        self._known.move_to_end(key)
        if len(self._known) > self._most_documents:
            self._known.popitem(last=False)
