"""How large an operation may be. Each fragment is walked once, however often it is spread."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    IntValueNode,
    Node,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from domain.errors import ErrorCode
from storage.reads import DEFAULT_PAGE, LONGEST_PAGE

MOST_TOKENS = 4_000
_SATURATED = 1_000_000


@dataclass(frozen=True, slots=True)
class Size:
    """
    `depth` is how many selections stand inside each other; the rest are counts over all of them.

    `objects` is how many the answer can hold: what is asked of a page is asked of each item on it.
    """

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    objects: int = 0

    def beside(self, other: "Size") -> "Size":
        return Size(
            max(self.depth, other.depth),
            min(self.fields + other.fields, _SATURATED),
            min(self.aliases + other.aliases, _SATURATED),
            min(self.directives + other.directives, _SATURATED),
            min(self.objects + other.objects, _SATURATED),
        )


# Generous enough for introspection as tools send it.
MOST = Size(depth=16, fields=1_000, aliases=50, directives=50, objects=20_000)
# Validation compares each pair of fields of one name, at some 5 µs a pair; this is the sum of their squares.
MOST_REPEATS = 20_000


def too_large(document: DocumentNode) -> list[GraphQLError]:
    """QUERY_TOO_COMPLEX for each bound the document exceeds. Asked before anything slower looks at it."""
    try:
        return list(_Measure(document).excesses())
    except RecursionError:
        return [_too_complex("The fragments are nested too deeply: ask for less at once")]


def _too_complex(message: str, *nodes: Node) -> GraphQLError:
    return GraphQLError(message, [*nodes], extensions={"code": ErrorCode.QUERY_TOO_COMPLEX})


class _Measure:
    def __init__(self, document: DocumentNode) -> None:
        self._operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
        self._fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self._known: dict[str, Size] = {}
        self._written: Counter[str] = Counter()

    def excesses(self) -> Iterator[GraphQLError]:
        for operation in self._operations:
            size = self._of(operation.selection_set)
            for what in Size.__slots__:
                if getattr(size, what) > getattr(MOST, what):
                    message = f"The operation has more than {getattr(MOST, what):,} {what}: ask for less at once"
                    yield _too_complex(message, operation)
        if sum(count * count for count in self._written.values()) > MOST_REPEATS:
            yield _too_complex("The same fields are asked for too often: ask for less at once")

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
        own = Size(fields=1, aliases=int(selection.alias is not None), directives=directives)
        objects = min(_items(selection) * (inside.objects + 1), _SATURATED) if selection.selection_set else 0
        deeper = Size(inside.depth + 1, inside.fields, inside.aliases, inside.directives, objects)
        return deeper.beside(own)

    def _of_fragment(self, name: str) -> Size:
        if name not in self._known:
            self._known[name] = Size()  # stands for itself while it is walked: fragments may be circular
            fragment = self._fragments.get(name)
            self._known[name] = self._of(fragment.selection_set if fragment else None)
        return self._known[name]


def _items(field: FieldNode) -> int:
    """How many items the field's page can have; 1 where it is no page."""
    first = next((argument.value for argument in field.arguments or () if argument.name.value == "first"), None)
    if isinstance(first, IntValueNode):
        return min(int(first.value[:9]), LONGEST_PAGE) if first.value.isdigit() else 1
    if first is not None:
        return LONGEST_PAGE
    selections = field.selection_set.selections if field.selection_set else ()
    asked = {selection.name.value for selection in selections if isinstance(selection, FieldNode)}
    return DEFAULT_PAGE if asked & {"nodes", "edges"} else 1
