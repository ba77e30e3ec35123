"""Mutations: each takes one command of the domain and answers what became of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from domain.ports import Command
from resolvers.context import Info

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Payload(Generic[Result]):
    """What a command answered, and the caller's own id of the change."""

    client_mutation_id: str | None
    result: Result


def mutation(command: type[Command[Result]]) -> Callable[..., Awaitable[Payload[Result]]]:
    """The resolver of a mutation whose `input` is this command."""

    async def resolve(info: Info, input: Command[Any]) -> Payload[Result]:
        return Payload(input.client_mutation_id, await info.context.execute(input))

    resolve.__annotations__["input"] = command  # which GraphQL reads as the type of the argument
    return resolve
