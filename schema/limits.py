"""How large an operation may be, and is. Each fragment is walked once, however often it is spread."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    IntValueNode,
    Node,
    NullValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)

from domain.errors import ErrorCode
from storage.pages import DEFAULT_PAGE, LONGEST_PAGE

MOST_TOKENS = 4_000
_SATURATED = 1_000_000
_ITEMS = {"nodes", "edges"}
_MOST_DIGITS = 9
_UNKNOWN = object()


@dataclass(frozen=True, slots=True)
class Size:
    """
    `depth` is how many selections stand inside each other; the rest are counts over all of them.

    `objects` is how many the answer can hold: what is asked of a page is asked of each item on it. `listed` is 1 where
    the items of a page are asked for.
    """

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    objects: int = 0
    listed: int = 0

    def beside(self, other: "Size") -> "Size":
        return Size(
            max(self.depth, other.depth),
            min(self.fields + other.fields, _SATURATED),
            min(self.aliases + other.aliases, _SATURATED),
            min(self.directives + other.directives, _SATURATED),
            min(self.objects + other.objects, _SATURATED),
            max(self.listed, other.listed),
        )


# Generous enough for introspection as tools send it.
MOST = Size(depth=16, fields=1_000, aliases=50, directives=50, objects=20_000, listed=1)
# Validation compares each pair of fields of one name, at some 5 µs a pair; this is the sum of their squares.
MOST_REPEATS = 20_000


@dataclass(frozen=True, slots=True)
class Measured:
    """
    What running an operation costs, and QUERY_TOO_COMPLEX for each bound that its document exceeds.

    `pages` are the variables that say how long pages are.
    """

    cost: int
    excesses: list[GraphQLError]
    pages: tuple[str, ...]


def measure(document: DocumentNode, run: OperationDefinitionNode | None, variables: Mapping[str, Any]) -> Measured:
    """
    The size of a document of which one operation is run. Asked before anything slower looks at it.

    The cost is the number of objects the answer can hold, at least 1. Pages are as long as the variables say.
    """
    try:
        return _Measure(document, run, variables).measured()
    except RecursionError:
        return Measured(1, [_too_complex("The fragments are nested too deeply: ask for less at once")], ())


def page_length(first: Any) -> int:
    """How many items a page can have: the most there are where that is not known, 1 where it is no number of items."""
    if first is None:
        return DEFAULT_PAGE
    return max(1, min(first, LONGEST_PAGE)) if isinstance(first, int) else LONGEST_PAGE


def _too_complex(message: str, *nodes: Node) -> GraphQLError:
    return GraphQLError(message, [*nodes], extensions={"code": ErrorCode.QUERY_TOO_COMPLEX})


class _Measure:
    def __init__(
        self, document: DocumentNode, run: OperationDefinitionNode | None, variables: Mapping[str, Any]
    ) -> None:
        self._run = run
        self._variables = {**_defaults(run), **variables}
        self._operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
        self._fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self._known: dict[str, Size] = {}
        self._written: Counter[str] = Counter()
        self._pages: set[str] = set()

    def measured(self) -> Measured:
        cost = 1
        excesses: list[GraphQLError] = []
        for operation in self._operations:
            size = self._of(operation.selection_set)
            if operation is self._run:
                cost = max(size.objects, cost)
            else:
                size = replace(size, objects=0)  # it makes none, yet all of it has to be validated
            excesses += _excesses(operation, size)
        if sum(count * count for count in self._written.values()) > MOST_REPEATS:
            excesses.append(_too_complex("The same fields are asked for too often: ask for less at once"))
        return Measured(cost, excesses, tuple(self._pages))

    def _of(self, selections: SelectionSetNode | None) -> Size:
        total = Size()
        for selection in selections.selections if selections else ():
            total = total.beside(self._of_one(selection))
        return total

    def _of_one(self, selection: SelectionNode) -> Size:
        directives = len(selection.directives or ())
        if isinstance(selection, FragmentSpreadNode):
            return self._of_fragment(selection.name.value).beside(Size(directives=directives))
        inside = self._of(getattr(selection, "selection_set", None))
        if not isinstance(selection, FieldNode):
            return inside.beside(Size(directives=directives))
        self._written[(selection.alias or selection.name).value] += 1
        own = Size(
            fields=1,
            aliases=int(selection.alias is not None),
            directives=directives,
            listed=int(selection.name.value in _ITEMS),
        )
        items = self._items(selection, inside) if selection.selection_set else 0
        objects = min(items * (inside.objects + 1), _SATURATED)
        return Size(inside.depth + 1, inside.fields, inside.aliases, inside.directives, objects).beside(own)

    def _of_fragment(self, name: str) -> Size:
        if name not in self._known:
            self._known[name] = Size()  # stands for itself while it is walked: fragments may be circular
            fragment = self._fragments.get(name)
            self._known[name] = self._of(fragment.selection_set if fragment else None)
        return self._known[name]

    def _items(self, field: FieldNode, inside: Size) -> int:
        """How many items the field's page can have; 1 where it is no page."""
        first = next((argument.value for argument in field.arguments or () if argument.name.value == "first"), None)
        if first is None:
            return DEFAULT_PAGE if inside.listed else 1
        return page_length(self._value(first))

    def _value(self, node: ValueNode) -> Any:
        if not isinstance(node, VariableNode):
            return _literal(node)
        self._pages.add(node.name.value)
        return self._variables.get(node.name.value, _UNKNOWN)


def _excesses(operation: OperationDefinitionNode, size: Size) -> Iterator[GraphQLError]:
    for what in Size.__slots__:
        if getattr(size, what) > getattr(MOST, what):
            message = f"The operation has more than {getattr(MOST, what):,} {what}: ask for less at once"
            yield _too_complex(message, operation)


def _defaults(operation: OperationDefinitionNode | None) -> dict[str, Any]:
    """What the operation's variables are where they are not given."""
    defined = operation.variable_definitions or () if operation else ()
    return {each.variable.name.value: _literal(each.default_value) for each in defined if each.default_value}


def _literal(node: ValueNode) -> Any:
    if isinstance(node, NullValueNode):
        return None
    return int(node.value[:_MOST_DIGITS]) if isinstance(node, IntValueNode) else _UNKNOWN
