"""Redis, asked together: commands that wait at the same moment share a round trip."""

import asyncio
from collections import deque
from typing import Any

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import NoScriptError

from gateway.patience import patience

MOST_COMMANDS = 256

Command = tuple[Any, ...]
Waiting = tuple[Command, asyncio.Future[Any]]


class TogetherRedis(Redis):
    """
    A client for many short questions at once: all that wait go out as one pipeline, of MOST_COMMANDS at most.

    Some hundred callers who each take a connection for a command of their own cost a busy machine more time than they
    have. One pipeline is under way at a time, for so many seconds at most; what comes meanwhile is in the next one.
    A server that has just started knows no scripts: it is told them all once, and asked again.
    """

    def __init__(self, pool: ConnectionPool, answer_seconds: float) -> None:
        super().__init__(connection_pool=pool)
        self._answer_seconds = answer_seconds
        self._scripts: list[str] = []
        self._waiting: deque[Waiting] = deque()
        self._asking: asyncio.Task[None] | None = None

    def register_script(self, script: Any) -> Any:
        self._scripts.append(script)
        return super().register_script(script)

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((args, answer))
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await answer

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001 - as redis-py has it
        if self._asking:
            self._asking.cancel()
            await asyncio.wait([self._asking])
        await super().aclose(close_connection_pool)

    async def _ask(self) -> None:
        try:
            while batch := self._next_batch():
                answers = await self._answers([command for command, _ in batch])
                for (_, waiting), answer in zip(batch, answers, strict=True):
                    _tell(waiting, answer)
        finally:
            self._asking = None

    def _next_batch(self) -> list[Waiting]:
        batch: list[Waiting] = []
        while self._waiting and len(batch) < MOST_COMMANDS:
            command, waiting = self._waiting.popleft()
            if not waiting.done():  # else its caller has gone, and counts elsewhere
                batch.append((command, waiting))
        return batch

    async def _answers(self, commands: list[Command]) -> list[Any]:
        """An answer or an error for each."""
        try:
            async with patience(self._answer_seconds), self.pipeline(transaction=False) as pipeline:
                answers = await _asked(pipeline, commands)
                unknown = [number for number, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
                if unknown:
                    told = [("SCRIPT LOAD", script) for script in self._scripts]
                    again = await _asked(pipeline, [*told, *(commands[number] for number in unknown)])
                    for number, answer in zip(unknown, again[len(told) :], strict=True):
                        answers[number] = answer
                return answers
        except Exception as error:  # noqa: BLE001 - each caller handles it
            return [error] * len(commands)


async def _asked(pipeline: Pipeline, commands: list[Command]) -> list[Any]:
    for command in commands:
        pipeline.execute_command(*command)
    return await pipeline.execute(raise_on_error=False)


def _tell(waiting: asyncio.Future[Any], answer: Any) -> None:
    if waiting.done():
        return
    if isinstance(answer, Exception):
        waiting.set_exception(answer)
    else:
        waiting.set_result(answer)
