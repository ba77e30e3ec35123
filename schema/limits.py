"""How large an operation may be. Each fragment is walked once, however often it is spread."""

from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValidationContext,
    ValidationRule,
)

from domain.errors import ErrorCode

MOST_TOKENS = 4_000
_SATURATED = 1_000_000


@dataclass(frozen=True, slots=True)
class Size:
    """`depth` is how many selections stand inside each other; the rest are counts over all of them."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0

    def beside(self, other: "Size") -> "Size":
        return Size(
            max(self.depth, other.depth),
            min(self.fields + other.fields, _SATURATED),
            min(self.aliases + other.aliases, _SATURATED),
            min(self.directives + other.directives, _SATURATED),
        )


# Generous enough for introspection as tools send it.
MOST = Size(depth=16, fields=1_000, aliases=50, directives=50)


class OperationSize(ValidationRule):
    """Refuses operations beyond `MOST` with QUERY_TOO_COMPLEX."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._fragments = {
            d.name.value: d for d in context.document.definitions if isinstance(d, FragmentDefinitionNode)
        }
        self._known: dict[str, Size] = {}

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> None:
        size = self._of(node.selection_set)
        for what in Size.__slots__:
            if getattr(size, what) > getattr(MOST, what):
                message = f"The operation has more than {getattr(MOST, what):,} {what}: ask for less at once"
                code = {"code": ErrorCode.QUERY_TOO_COMPLEX}
                self.context.report_error(GraphQLError(message, node, extensions=code))

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
        own = Size(fields=1, aliases=int(selection.alias is not None), directives=directives)
        deeper = Size(inside.depth + 1, inside.fields, inside.aliases, inside.directives)
        return deeper.beside(own)

    def _of_fragment(self, name: str) -> Size:
        if name not in self._known:
            self._known[name] = Size()  # stands for itself while it is walked: fragments may be circular
            fragment = self._fragments.get(name)
            self._known[name] = self._of(fragment.selection_set if fragment else None)
        return self._known[name]
