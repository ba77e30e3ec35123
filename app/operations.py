"""GraphQL for streams: operations begun; events executed and encoded once for all who ask and may read the same."""

import asyncio
import secrets
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec
from graphql import (
    FieldNode,
    GraphQLError,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    get_operation_ast,
    parse,
    visit,
)
from strawberry.types.graphql import OperationType

from domain.errors import DomainError
from resolvers.context import Context
from resolvers.studio import Studio
from schema.studio import DOCUMENTS_KEPT, LONGEST_KEPT_CHARACTERS, Begun, StudioSchema
from streams.operations import Answer, Asked, Caller
from streams.topics.topic import Encode, Subscription

encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class GraphQLOperations:
    schema: StudioSchema
    studio: Studio
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def begin(self, asked: Asked, caller: Caller) -> Answer | Subscription:
        async with self.turn:  # parsing takes a while, and many may come at once: one in each round of the loop
            await asyncio.sleep(0)  # the round ends
        context = Context(
            self.studio, caller.actor, caller.trace_id, caller.address, connection_id=caller.connection_id
        )
        allowed = set(OperationType) - ({OperationType.MUTATION} if asked.changes_nothing else set())
        found = await self.schema.begin(asked.query, asked.variables, context, asked.operation_name, allowed)
        if isinstance(found, Begun):
            return self._subscription(found, asked, context)
        errors = [error.formatted for error in found.errors or ()]
        if found.data is None and not any(error.path for error in found.errors or ()):
            return Answer(errors=encode(errors))
        told = {"data": found.data, "errors": errors, "extensions": found.extensions}
        return Answer(payload=encode({name: value for name, value in told.items() if value or name == "data"}))

    def refusal(self, error: DomainError, trace_id: str) -> bytes:
        told = GraphQLError(error.message, extensions={**error.extensions, "traceId": trace_id})
        return encode([told.formatted])

    def _subscription(self, begun: Begun, asked: Asked, context: Context) -> Subscription:
        actor, source = context.actor, begun.source
        audience = (actor.within(source.project_id) if source.project_id else actor).audience
        shared = Context(self.studio, audience, secrets.token_hex(16))
        key = _asked_alike(asked), source.key, audience
        return Subscription(key, source, self._encoder(begun, shared), actor.identity, begun.cost)

    def _encoder(self, begun: Begun, context: Context) -> Encode:
        async def told(value: Any) -> bytes:
            result = await self.schema.tell(begun.executor, value, context)
            if result.errors:
                return encode({"data": result.data, "errors": [error.formatted for error in result.errors]})
            return encode({"data": result.data})

        return told


def _asked_alike(asked: Asked) -> bytes:
    """Equal for those who ask the same, wherever they begin: a variable that says nothing else is left out."""
    variables = asked.variables or {}
    if len(asked.query) <= LONGEST_KEPT_CHARACTERS and (cursor := _cursor_variable(asked.query, asked.operation_name)):
        variables = {name: value for name, value in variables.items() if name != cursor}
    return encode((asked.query, asked.operation_name, sorted(variables.items())))


@lru_cache(DOCUMENTS_KEPT)
def _cursor_variable(query: str, operation_name: str | None) -> str | None:
    """The variable that is the root field's `after`, and is used nowhere else."""
    document = parse(query)
    operation = get_operation_ast(document, operation_name)
    root = operation.selection_set.selections[0] if operation else None
    if not isinstance(root, FieldNode):
        return None
    given = [argument.value for argument in root.arguments or () if argument.name.value == "after"]
    if not given or not isinstance(given[0], VariableNode):
        return None
    uses = _Uses()
    visit(document, uses)
    return given[0].name.value if uses.of[given[0].name.value] == 1 else None


class _Uses(Visitor):
    """Counts where each variable is used; where it is defined is no use of it."""

    def __init__(self) -> None:
        super().__init__()
        self.of: Counter[str] = Counter()

    def enter_variable(self, node: VariableNode, _key: Any, parent: Any, *_: Any) -> None:
        self.of[node.name.value] += not isinstance(parent, VariableDefinitionNode)
