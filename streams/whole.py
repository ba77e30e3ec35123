"""Questions that are asked to their end, whether or not anybody still waits for the answer."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

SETTLED_SECONDS = 2.0

Answer = TypeVar("Answer")

_asked: set[asyncio.Future[Any]] = set()


async def whole(question: Awaitable[Answer]) -> Answer:
    """
    The answer. Where whoever waits is canceled, the question goes on by itself.

    A question to the database that is broken off costs its connection; clients end subscriptions at any moment.
    """
    asking = asyncio.ensure_future(question)
    _asked.add(asking)
    asking.add_done_callback(_heed)
    return await asyncio.shield(asking)


async def settled() -> None:
    """Returns once nothing is asked any more, or after SETTLED_SECONDS: before what is asked goes away."""
    loop = asyncio.get_running_loop()
    if here := {asking for asking in _asked if asking.get_loop() is loop}:
        await asyncio.wait(here, timeout=SETTLED_SECONDS)


def _heed(asking: "asyncio.Future[Any]") -> None:
    """What went wrong after nobody waited any more is nobody's."""
    _asked.discard(asking)
    if not asking.cancelled():
        asking.exception()
