"""What the domain asks of the world outside it."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from domain.events import Event
from domain.flags import Flag
from domain.ids import Id
from domain.offers import Offers
from domain.permissions import Actor

Entity = TypeVar("Entity")
Result = TypeVar("Result")


@dataclass(kw_only=True)
class Command(Generic[Result]):
    """
    A request to change something; its handler returns a `Result`.

    `client_mutation_id` of 16 to 255 characters makes it idempotent for its actor: a repeat gives the first answer.
    """

    client_mutation_id: str | None = None

    @property
    def asked(self) -> Any:
        """What a repeat has in common with it: all of it, but for what was drawn at random on the way."""
        return self


@dataclass(frozen=True, slots=True)
class Holding:
    """In `find`, of a field with names: that one of them stands for this value."""

    value: str


@dataclass(frozen=True, slots=True)
class Given:
    """In `find`, of a field that may be empty: that it is not."""


class Transaction(Protocol):
    """One atomic change inside one organization, or some of its projects; rows of others do not exist here."""

    async def get(self, kind: type[Entity], id: str, /, *, lock: bool = False) -> Entity:
        """The entity, or its NOT_FOUND; FORBIDDEN where the actor may read it, but has other projects to change."""
        ...

    async def find(self, kind: type[Entity], most: int | None = None, /, **equals: Any) -> list[Entity]:
        """The entities whose fields equal these (a list means any of its values), oldest first: all, or so many."""
        ...

    async def lock(self, kind: type[Entity], most: int | None = None, /, **equals: Any) -> list[Entity]:
        """As `find`, and until the transaction ends nobody else's to change; locked in the order of their ids."""
        ...

    async def newest(self, kind: type[Entity], /, **equals: Any) -> Entity | None:
        """The newest entity whose fields equal these."""
        ...

    async def oldest(self, kind: type[Entity], /, **equals: Any) -> Entity | None:
        """The oldest entity whose fields equal these."""
        ...

    async def alone(self, name: str, /) -> None:
        """Whoever asks for the same name waits until this transaction ends."""
        ...

    async def count_visits(self, project_id: Id, since: datetime) -> int:
        """How many images visitors have begun to have generated in the project since then."""
        ...

    async def held_steps(self, *, project_id: Id | None = None, provider: str | None = None) -> int:
        """How many steps workers hold for this project, or with this provider; nobody else counts them meanwhile."""
        ...

    @property
    def offers(self) -> Offers:
        """What the providers in use ask for their work."""
        ...

    @property
    def flags(self) -> "Flags":
        """What is switched on."""
        ...

    @property
    def public_url(self) -> str:
        """How the outside reaches this server, without a slash at its end."""
        ...

    @property
    def now(self) -> datetime:
        """When something was last read, by the database's clock: the one clock of leases."""
        ...

    def add(self, *entities: Any) -> None:
        """New rows; written before the transaction ends, in the order of the calls."""
        ...

    def save(self, *entities: Any) -> None:
        """Changed rows; written before the transaction ends, in the order of the calls."""
        ...

    def remove(self, *entities: Any) -> None:
        """Rows that go; gone before the transaction ends, in the order of the calls."""
        ...

    def record(self, *events: Event) -> None:
        """Facts; numbered and written by the last statement."""
        ...

    def belong_to(self, trace_id: str) -> None:
        """The trace of what is recorded, where the actor brings none."""
        ...

    def enqueue(self, *jobs: "StepJob | DeliveryJob") -> None:
        """Wake those who do such work, once the transaction is there to see."""
        ...

    def webhook_secret(self, name: str, version: int) -> str:
        """What signs messages in this name; the same for whoever asks again."""
        ...

    def require_callable(self, url: str, field: str = "url") -> None:
        """Raises InvalidInput for a URL that messages may not be sent to, as far as it can be told from the URL."""
        ...

    def new_key(self) -> "NewKey":
        """A fresh API key, of which only the hash is to be kept."""
        ...

    async def earlier_answer(self) -> Any:
        """What the same command of the same actor answered before, or None. A twin in flight is awaited."""
        ...

    def answer(self, result: Any) -> None:
        """Keep the entity that answers this command for whoever repeats it."""
        ...


class Flags(Protocol):
    """Feature flags: what a project says goes before what the server's operator says, that before the default."""

    def is_on(self, flag: Flag, of_project: Mapping[str, Any] | None = None) -> bool: ...


@dataclass(frozen=True, slots=True)
class NewKey:
    """What is shown of an API key, its text for whoever made it, and the hash that is kept."""

    prefix: str
    text: str = field(repr=False)
    secret_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Shown(Generic[Entity]):
    """An entity with its secret, which is shown this once: whoever repeats the command gets the entity alone."""

    entity: Entity
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StepJob:
    """A call to work on a step as it is at `epoch`; a step that has moved on lets it pass."""

    organization_id: Id
    run_id: Id
    step_id: Id
    epoch: int
    delay_seconds: float = 0.0
    trace_id: str = ""

    @property
    def key(self) -> str:
        return f"{self.step_id}:{self.epoch}"


@dataclass(frozen=True, slots=True)
class DeliveryJob:
    """A call to send what is due: by then, this delivery."""

    delivery_id: Id
    attempt: int = 0
    delay_seconds: float = 0.0
    trace_id: str = ""

    @property
    def key(self) -> str:
        return f"delivery:{self.delivery_id}:{self.attempt}"


class Begin(Protocol):
    """
    Open a transaction for one command; it commits when the block ends, and takes everything back when it raises.

    It sees what belongs to these projects, or, with None, to the actor's organization.
    """

    def __call__(
        self, actor: Actor, command: Command[Any], projects: frozenset[Id] | None, /
    ) -> AbstractAsyncContextManager[Transaction]: ...


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What a store says of an object without opening it; `size` is in bytes."""

    key: str
    size: int
    modified_at: datetime


class ObjectStore(Protocol):
    """
    Bytes by key. A key is `a/b/c.png`: 1 to 512 characters of `[A-Za-z0-9._/-]`, no empty or dot segments.

    Raises DomainError UNAVAILABLE when the store is away or full, NOT_FOUND for a key that is not there.
    """

    async def put(self, key: str, data: bytes, mime_type: str) -> None:
        """Keep the bytes: whole or not at all."""
        ...

    async def get(self, key: str) -> bytes: ...

    def stream(self, key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` up to, not including, `end`, in small pieces; close it when leaving early."""
        ...

    def walk(self) -> AsyncGenerator[list["StoredObject"], None]:
        """All objects, in pages of at most a thousand and in no particular order; close it when leaving early."""
        ...

    async def delete(self, key: str) -> None:
        """Forget the bytes; a key that is not there is no error."""
        ...

    async def presigned_url(self, key: str, *, expires_seconds: int) -> str | None:
        """A URL from which anyone can GET the bytes until it expires; None where the store has no such thing."""
        ...

    async def get_up_to(self, key: str, most_bytes: int) -> bytes:
        """The bytes, or of more than `most_bytes` so many and one: no more is read of them."""
        ...

    async def presigned_put(self, key: str, mime_type: str, size_bytes: int, *, expires_seconds: int) -> str | None:
        """
        A URL to which anyone can PUT so many bytes of this type until it expires; None where the store has no such
        thing.
        """
        ...
