"""What all conversations over a socket have in common: an introduction in time, subscriptions, an end."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec
import structlog
from starlette.types import Receive

from domain.errors import DomainError
from domain.ids import Id, new_id
from domain.permissions import Actor
from streams.presence.rooms import Rooms
from streams.sockets.attendance import Attendance
from streams.sockets.closing import CloseCode, Closed, refused, short_reason
from streams.sockets.outbox import Outbox, Wire
from streams.topics.topic import Topics
from streams.whole import whole

MOST_OPERATIONS = 100
MESSAGES_PER_SECOND = 2_000
MOST_MESSAGES_AT_ONCE = 1_000

Answer = TypeVar("Answer")

log = structlog.get_logger(__name__)
_decode = msgspec.json.Decoder().decode


class Door(Protocol):
    """Tells who holds a key or a token. Raises UNAUTHENTICATED, RATE_LIMITED, UNAVAILABLE."""

    async def of(self, api_key: str | None, token: str | None, trace_id: str, address: str | None = None) -> Actor: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Lobby:
    """What sockets share."""

    door: Door
    attendance: Attendance
    topics: Topics
    rooms: Rooms
    init_seconds: float


@dataclass(frozen=True, slots=True)
class Handshake:
    """What is known of a socket before it says anything."""

    trace_id: str
    address: str | None
    actor: Actor | None


class UnderWay(Protocol):
    def drop(self) -> None:
        """Nobody waits for it any more."""


class Conversation(ABC):
    """One socket. A subclass takes its messages; whatever is raised as Closed closes it."""

    def __init__(self, wire: Wire, lobby: Lobby, handshake: Handshake) -> None:
        self.lobby = lobby
        self.handshake = handshake
        self.connection_id: Id = new_id()
        self.known_actor = handshake.actor
        self.is_introduced = False
        self.outbox = Outbox(wire, self._too_slow)
        self.under_way: dict[str, UnderWay] = {}
        self.asking = 0  # how many operations are being begun, those included that nobody waits for any more
        self._wire = wire
        loop = asyncio.get_running_loop()
        self._heard = loop.time()
        self._patience: float = MOST_MESSAGES_AT_ONCE
        self._late = loop.call_later(lobby.init_seconds, self._too_late)

    @property
    def actor(self) -> Actor:
        if self.known_actor is None:
            raise Closed(CloseCode.NOT_INTRODUCED, "Say who you are first")
        return self.known_actor

    @property
    def idle_since(self) -> float | None:
        return None if self.under_way else self._heard

    @abstractmethod
    async def take(self, message: dict[str, Any]) -> None:
        """Do what a message says. Raises Closed."""

    @abstractmethod
    def misunderstood(self) -> None:
        """What came is no JSON object with a type, sent as text. May raise Closed."""

    def drop_all(self) -> None:
        """End all that is under way."""
        while self.under_way:
            self.under_way.popitem()[1].drop()

    async def run(self, receive: Receive) -> None:
        """Until the socket is closed, by whichever side."""
        loop = asyncio.get_running_loop()
        try:
            while (event := await receive())["type"] != "websocket.disconnect":
                await self._pace(loop.time())
                try:
                    await self._take(event.get("text"))
                except Closed as closed:
                    self.close(closed.code, closed.reason)
                except Exception:  # whatever it is, the other side is told by a code
                    log.exception("unexpected failure on a socket")
                    self.close(CloseCode.FAILED, "Something went wrong on our side")
        finally:
            self._late.cancel()
            self.outbox.close()
            self.drop_all()
            self.lobby.attendance.leave(self)
            self.lobby.rooms.leave_all(self.connection_id)

    async def _pace(self, now: float) -> None:
        """One message, then the others have their turn; who says more than there is patience for waits."""
        self._patience = min(self._patience + (now - self._heard) * MESSAGES_PER_SECOND, MOST_MESSAGES_AT_ONCE) - 1
        self._heard = now
        await asyncio.sleep(max(0.0, -self._patience) / MESSAGES_PER_SECOND)  # uvloop knows no less than 1 ms

    def close(self, code: CloseCode, reason: str) -> None:
        """Close it, without waiting; nothing more goes out."""
        self._wire.close(code, short_reason(reason))
        self.drop_all()

    def send(self, **message: Any) -> None:
        self.outbox.send(msgspec.json.encode(message))

    async def ask(self, question: Awaitable[Answer]) -> Answer:
        """The answer to what an operation asks; it is asked to its end, and counts as long, whoever still waits."""
        self.asking += 1
        asking = asyncio.ensure_future(question)
        asking.add_done_callback(self._asked)
        return await whole(asking)

    def _asked(self, _: "asyncio.Future[Any]") -> None:
        self.asking -= 1

    async def introduce(self, said: Mapping[str, Any]) -> None:
        """Let in who holds the key or token that is said, or was said in the handshake."""
        api_key, token = (_text(said.get(name)) for name in ("apiKey", "token"))
        if self.known_actor is None or api_key or token or said.get("apiKey") or said.get("token"):
            self.known_actor = await self._read(api_key, token)
        self.lobby.attendance.enter(self)
        self.is_introduced = True
        self._late.cancel()

    async def refresh(self, said: Mapping[str, Any]) -> None:
        """Go on with a fresh key or token of the same caller. Raises Closed where it opens something else."""
        fresh = await self._read(_text(said.get("apiKey")), _text(said.get("token")))
        if fresh.subject != self.actor.subject or fresh.audience != self.actor.audience:
            raise Closed(
                CloseCode.NO_LONGER_VALID, "This is somebody else's, or of other rights: connect again with it"
            )
        self.known_actor = fresh

    async def _read(self, api_key: str | None, token: str | None) -> Actor:
        try:
            return await self.lobby.door.of(api_key, token, self.handshake.trace_id, self.handshake.address)
        except DomainError as error:
            raise refused(error) from error

    async def _take(self, text: str | None) -> None:
        try:
            message = _decode(text) if text is not None else None
        except (ValueError, RecursionError):
            message = None
        if isinstance(message, dict) and isinstance(message.get("type"), str):
            await self.take(message)
        else:
            self.misunderstood()

    def _too_late(self) -> None:
        self.close(CloseCode.INTRODUCED_TOO_LATE, "Say who you are sooner")

    def _too_slow(self) -> None:
        self.close(CloseCode.TOO_SLOW, "What was sent was not read: connect again, and resume with your cursor")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
