"""What is under way on a socket: an operation, or a subscription of the envelope; a sink of answers."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Hashable
from typing import Any, Generic, TypeVar

import structlog

from domain.errors import DomainError, ErrorCode
from streams.sockets.conversation import Conversation
from streams.topics.topic import Topic

Talk = TypeVar("Talk", bound=Conversation)

log = structlog.get_logger(__name__)


class Operation(ABC, Generic[Talk]):
    """Its answers go out between `head` and `tail`. What fails ends it, and not the socket."""

    __slots__ = ("conversation", "head", "id", "task", "topic")
    tail = b""

    def __init__(self, conversation: Talk, id: str, head: bytes, asked: Any) -> None:
        self.conversation = conversation
        self.id = id
        self.head = head
        self.topic: Topic | None = None
        self.task: asyncio.Task[None] | None = asyncio.create_task(self._run(asked))

    @abstractmethod
    async def answer(self, asked: Any) -> None:
        """Answer what was asked, or see to it that it is answered."""

    @abstractmethod
    def begin(self, cursor: str) -> None: ...

    @abstractmethod
    def finish(self, error: DomainError | None) -> None: ...

    def push(self, payload: bytes, subject: Hashable) -> None:
        self.conversation.outbox.send(self.head, payload, self.tail, subject=subject and (self.id, subject))

    async def has_room(self) -> None:
        await self.conversation.outbox.has_room()

    def drop(self) -> None:
        """Nobody waits for it any more."""
        if self.task:
            self.task.cancel()
        self.conversation.lobby.topics.leave(self)

    async def _run(self, asked: Any) -> None:
        try:
            await self.answer(asked)
        except DomainError as error:
            self.finish(error)
        except Exception:  # whatever it is, who asked is told that it failed
            log.exception("an operation failed")
            self.finish(DomainError(ErrorCode.INTERNAL, "Something went wrong on our side"))
        finally:
            self.task = None
