"""AI back ends as the engine sees them: what may be asked of one, what it answers, how it fails."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from domain.errors import DomainError, ErrorCode
from domain.pictures import DigitalSource


class Recovery(StrEnum):
    """What may be done when a call was sent and its answer is lost."""

    REPEATABLE = "repeatable"  # ask again: it costs nothing twice
    LOOKUP = "lookup"  # ask the provider what became of it
    NEITHER = "neither"  # never blindly repeated: a person decides


async def _noted_nowhere(job_id: str) -> None:
    """For calls that nobody will ask after."""


def _never() -> bool:
    """For calls that nobody takes back."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """
    Whose call it is, so that one whose answer is lost can be recognized.

    `idempotency_key` is the step's id: the same for each attempt. A provider that can be asked later (`LOOKUP`) notes
    the id of its job with `note_job` before the job can cost anything; `job_id` is what an earlier attempt noted, and
    is asked after before anything is begun anew. Where the call is broken off, `is_unwanted` tells whether its job is
    to be stopped too (canceled, too long), or goes on for whoever asks after it (this worker goes away).
    """

    idempotency_key: str = ""
    trace_id: str = ""
    job_id: str | None = None
    note_job: Callable[[str], Awaitable[None]] = _noted_nowhere
    is_unwanted: Callable[[], bool] = _never


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """Pictures to make. `references` are encoded pictures to start from; without any it is made from words alone."""

    prompt: str
    aspect_ratio: str = "1:1"
    count: int = 1
    seed: int | None = None
    references: tuple[bytes, ...] = ()
    call: Call = Call()


@dataclass(frozen=True, slots=True)
class GeneratedPicture:
    """
    One encoded picture (PNG, JPEG or WebP) with what made it; `meta` is shown to people as it is.

    `digital_source` is what its file is going to say of where it comes from, unless it says so already.
    """

    data: bytes
    seed: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    digital_source: DigitalSource | None = None


@dataclass(frozen=True, slots=True)
class ImageAnswer:
    pictures: tuple[GeneratedPicture, ...]
    model: str
    cost: Decimal


@dataclass(frozen=True, slots=True)
class TextRequest:
    """Words to write: `instructions` say how, `text` is what to work on."""

    instructions: str
    text: str
    call: Call = Call()


@dataclass(frozen=True, slots=True)
class TextAnswer:
    text: str
    model: str
    cost: Decimal


def _unheard(progress: float) -> None:
    """Where nobody asks how far it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphRequest:
    """
    A graph in ComfyUI's API format, its values in place: what the node `output` makes is wanted.

    `sources` are encoded pictures that nodes load, by (node id, input name): the input is to name the picture as the
    provider calls it. `report` takes how much is done, 0.0 to 1.0.
    """

    graph: dict[str, dict[str, Any]]
    output: str
    sources: dict[tuple[str, str], bytes] = field(default_factory=dict)
    call: Call = Call()
    report: Callable[[float], None] = _unheard


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """
    What asking a provider means: whose model answers, credits for one picture or text, what a lost answer allows, what
    its pictures are, how many calls it takes `at_once` over all workers, and how long one may take where that is longer
    than other steps may.
    """

    provider: str
    model: str
    price: Decimal
    recovery: Recovery
    digital_source: DigitalSource = DigitalSource.MODEL
    at_once: int | None = None
    longest_seconds: float | None = None

    def most_at_once(self, cap: int) -> int:
        """How many calls may be under way, of the `cap` that holds for each provider."""
        return cap if self.at_once is None else min(cap, self.at_once)


class ImageProvider(Protocol):
    """Makes pictures. Raises `ProviderError`, nothing else, for whatever goes wrong at the other end."""

    @property
    def image_terms(self) -> Terms: ...

    async def make_images(self, request: ImageRequest) -> ImageAnswer: ...


class TextProvider(Protocol):
    """Writes text. Raises `ProviderError`, nothing else, for whatever goes wrong at the other end."""

    @property
    def text_terms(self) -> Terms: ...

    async def write_text(self, request: TextRequest) -> TextAnswer: ...


class GraphProvider(Protocol):
    """Runs graphs that make pictures. Raises `ProviderError`, nothing else, for whatever goes wrong there."""

    @property
    def graph_terms(self) -> Terms: ...

    async def run_graph(self, request: GraphRequest) -> ImageAnswer: ...


class ProviderError(DomainError):
    """A provider did not give what was asked. `retryable` says whether asking again later can help."""

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        retryable: bool,
        retry_after_seconds: float | None = None,
        outcome_unknown: bool = False,
    ) -> None:
        super().__init__(code, message)
        self.retryable = retryable
        self.retry_after_seconds = retry_after_seconds
        self.outcome_unknown = outcome_unknown
