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


def start(command: type[Command[Result]], kind: type, named: str) -> Callable[..., Awaitable[Payload[Result]]]:
    """The resolver of a mutation that starts work in the project of the entity its `input` names in this field."""
    resolve = mutation(command)

    async def counted(info: Info, input: Command[Any]) -> Payload[Result]:
        await info.context.studio.starts.count(info.context.actor, kind, getattr(input, named))
        return await resolve(info, input)

    counted.__annotations__["input"] = command
    return counted
