"""Mutations: each takes one command of the domain and answers what became of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

from domain.ports import Command, Shown
from resolvers.context import Info

Result = TypeVar("Result")
Count = Callable[[Info, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Payload(Generic[Result]):
    """What a command answered, and the caller's own id of the change."""

    client_mutation_id: str | None
    result: Result


def entity_of(root: Payload[Any]) -> Any:
    """What the command made or changed."""
    return root.result.entity if isinstance(root.result, Shown) else root.result


def secret_of(root: Payload[Any]) -> str | None:
    """Its secret, which is shown this once."""
    return root.result.secret if isinstance(root.result, Shown) else None


def mutation(
    command: type[Command[Result]], asked: type[Command[Any]] | None = None
) -> Callable[..., Awaitable[Payload[Result]]]:
    """The resolver of a mutation whose `input` is this command, or, as several commands have it, of this shape."""

    async def resolve(info: Info, input: Command[Any]) -> Payload[Result]:
        given = {field.name: getattr(input, field.name) for field in fields(input)}
        return Payload(input.client_mutation_id, await info.context.execute(command(**given)))

    resolve.__annotations__["input"] = asked or command  # which GraphQL reads as the type of the argument
    resolve.__name__ = command.__name__
    return resolve


def start(
    command: type[Command[Result]], kind: type, named: str, asked: type[Command[Any]] | None = None
) -> Callable[..., Awaitable[Payload[Result]]]:
    """The resolver of a mutation that starts work where the entity belongs that its `input` names in this field."""

    async def count(info: Info, input: Command[Any]) -> None:
        actor = info.context.actor
        id_ = getattr(input, named) or actor.default_project_id
        if id_ is not None:
            await info.context.studio.starts.count(actor, kind, id_)

    return counted(command, count, asked)


def counted(
    command: type[Command[Result]], count: Count, asked: type[Command[Any]] | None = None
) -> Callable[..., Awaitable[Payload[Result]]]:
    """The resolver of a mutation that is counted first."""
    resolve = mutation(command, asked)

    async def resolve_counted(info: Info, input: Command[Any]) -> Payload[Result]:
        await count(info, input)
        return await resolve(info, input)

    resolve_counted.__annotations__["input"] = asked or command
    resolve_counted.__name__ = command.__name__
    return resolve_counted
