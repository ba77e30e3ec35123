"""Carries committed events to the bus, in order, without making whoever committed wait."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import msgspec
from broadcaster import Broadcast

from domain.events import Envelope
from domain.ids import Id

MOST_WAITING = 10_000
FINISH_SECONDS = 2.0

encode = msgspec.json.encode
_decoder = msgspec.json.Decoder(list[Envelope])


def channel_of(project_id: Id) -> str:
    return f"project:{project_id}"


def decode(message: str) -> list[Envelope]:
    return _decoder.decode(message)


class Announcer:
    """`tell` never blocks and never fails: what the bus does not carry, listeners read from the database."""

    def __init__(self, bus: Broadcast) -> None:
        self.bus = bus
        self._waiting: asyncio.Queue[tuple[str, str]] = asyncio.Queue(MOST_WAITING)

    def tell(self, envelopes: Sequence[Envelope]) -> None:
        for project_id in dict.fromkeys(envelope.event.project_id for envelope in envelopes):
            of_project = [envelope for envelope in envelopes if envelope.event.project_id == project_id]
            if not self._waiting.full():
                self._waiting.put_nowait((channel_of(project_id), encode(of_project).decode()))

    async def run(self) -> None:
        while True:
            channel, message = await self._waiting.get()
            await self.bus.publish(channel, message)
            self._waiting.task_done()

    async def finish(self) -> None:
        """Until all that was told is on the bus, or for so long: a command of the command line ends soon after."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FINISH_SECONDS):
                await self._waiting.join()
