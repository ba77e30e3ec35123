"""What the client's process is asked to measure, and what it tells: JSON, a line each."""

from dataclasses import dataclass, field
from enum import StrEnum

from domain.ids import Id

READY = b"ready\n"
"""A line of the client, which waits then for what only its parent can do."""


class Kind(StrEnum):
    """How watchers follow."""

    STREAM = "stream"
    ENVELOPE = "easel.v1"
    RUN = "runUpdated"


class Measure(StrEnum):
    FAN_OUT = "fan-out"
    STALLED = "stalled readers"
    REAL = "real runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """What one watcher follows: the project, or by `runUpdated` the run."""

    project_id: Id
    run_id: Id


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """
    So many watchers, in turns over the topics, at the server with this process id.

    `seqs` is the number of each project's newest event; `seconds` is for each thing that takes as long as one lets it.
    """

    measure: Measure
    pid: int
    port: int
    bus_port: int
    api_key: str
    kind: Kind
    watchers: int
    topics: list[Topic]
    seqs: dict[Id, int]
    seconds: float
    stalled: int = 0


@dataclass(slots=True, kw_only=True)
class Told:
    """What was measured; nothing where it was not asked for. `failure` says in a sentence why there is no more."""

    failure: str | None = None
    connect_micros: float | None = None
    idle_kib: float | None = None
    deliveries_per_second: float | None = None
    server_micros: float | None = None
    server_share: float | None = None
    client_share: float | None = None
    message_bytes: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    stalled_p50_ms: float | None = None
    stalled_p99_ms: float | None = None
    stalled_mib: float | None = None
    gone_after_seconds: list[float] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)
    events: int | None = None
    missing: int | None = None
