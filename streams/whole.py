"""Questions that are asked to their end, whether or not anybody still waits for the answer."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

Answer = TypeVar("Answer")


async def whole(question: Awaitable[Answer]) -> Answer:
    """
    The answer. Where whoever waits is canceled, the question goes on by itself.

    A question to the database that is broken off costs its connection; clients end subscriptions at any moment.
    """
    asking = asyncio.ensure_future(question)
    asking.add_done_callback(_heed)
    return await asyncio.shield(asking)


def _heed(asking: "asyncio.Future[Answer]") -> None:
    """What went wrong after nobody waited any more is nobody's."""
    if not asking.cancelled():
        asking.exception()
