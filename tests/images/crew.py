"""Generations whose every step a test decides, and two changes at the same moment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import text

from domain.commands import COMMANDS, execute
from domain.generation_commands import CreateGeneration
from domain.generations import Generation
from domain.images import Image
from domain.live_urls import LiveAnswer, LiveUrl, RequestLiveImage
from domain.permissions import visitor_actor
from domain.ports import Command
from tests.engine.crew import a_worker, until, work_off
from tests.studio import Tenant


async def one(owner: Tenant, kind: type[Any], **equals: Any) -> Any:
    found = await owner.parts.studio.reads.one(kind, owner.actor, **equals)
    assert found is not None
    return found


async def many(owner: Tenant, kind: type[Any], **equals: Any) -> list[Any]:
    return await owner.parts.studio.reads.many(kind, owner.actor, **equals)


async def asked(owner: Tenant, **more: Any) -> Generation:
    given = {"project_id": owner.project_id, "prompt": "A kite", "auto_enhance": False, **more}
    generation: Generation = await owner.do(CreateGeneration(**given))
    return generation


async def drawn(owner: Tenant, **more: Any) -> Generation:
    """A generation that is done."""
    generation = await asked(owner, **more)
    await work_off(owner.parts, a_worker(owner.parts))
    found: Generation = await one(owner, Generation, id=generation.id)
    return found


async def image_of(owner: Tenant, generation: Generation) -> Image:
    image: Image = await one(owner, Image, generation_id=generation.id)
    return image


async def visit(owner: Tenant, prompt: str, address: str | None, scope: str = "hero") -> LiveAnswer:
    actor = visitor_actor(owner.actor.organization_id, owner.project_id, "0" * 32)
    url = LiveUrl(prompt=prompt, auto_enhance=False)
    command = RequestLiveImage(project_id=owner.project_id, scope=scope, url=url, address=address)
    return await execute(owner.parts.database.begin, actor, command)


@asynccontextmanager
async def paused(owner: Tenant, command: Command[Any]) -> AsyncIterator[None]:
    """All of the command is done but its end, which comes with the end of the block."""
    permission, handler = COMMANDS[type(command)]
    async with owner.parts.database.begin(owner.actor, command, owner.actor.reach(permission)) as transaction:
        await handler(transaction, owner.actor, command)
        yield


async def both(owner: Tenant, first: Command[Any], second: Any) -> Any:
    """The first command, and what is awaited second while it has all but ended; what the second came to."""
    async with paused(owner, first):
        later = asyncio.ensure_future(second)

        async def waits_or_is_done() -> bool:
            return later.done() or await _somebody_waits(owner)

        await until(waits_or_is_done)
    return (await asyncio.gather(later, return_exceptions=True))[0]


async def _somebody_waits(owner: Tenant) -> bool:
    query = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with owner.parts.engine.connect() as connection:
        return bool((await connection.execute(query)).scalar_one())


async def work(owner: Tenant) -> None:
    await work_off(owner.parts, a_worker(owner.parts))
