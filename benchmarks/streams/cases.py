"""What is measured, in which order."""

from dataclasses import dataclass

from benchmarks.streams.jobs import Kind, Measure, Told
from benchmarks.streams.servers import EASEL, FLOOR, GRAPHQL_WS, MERCURIUS, Server

QUICK_SECONDS, SECONDS = 1.0, 3.0
QUICK_ROUNDS, ROUNDS = 1, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """So many watchers of so many topics, and `stalled` more who never read; `peers` are asked besides Easel."""

    measure: Measure = Measure.FAN_OUT
    kind: Kind = Kind.STREAM
    watchers: int
    topics: int = 1
    stalled: int = 0
    peers: tuple[str, ...] = (FLOOR, GRAPHQL_WS, MERCURIUS)

    @property
    def title(self) -> str:
        return f"{self.measure} by {self.kind}, {self.crowd}"

    @property
    def crowd(self) -> str:
        of = f" of {self.topics:,}" if self.topics > 1 else ""
        return f"{self.watchers:,}{of}" + (f" and {self.stalled}" if self.stalled else "")

    def is_for(self, server: Server) -> bool:
        return self.kind in server.kinds and server.name in (EASEL, *self.peers)


@dataclass(frozen=True, slots=True)
class Measurement:
    case: Case
    server: str
    told: Told


@dataclass(frozen=True, slots=True)
class Plan:
    cases: list[Case]
    rounds: int
    seconds: float
    real: Case | None
    real_runs: int


REAL = Case(measure=Measure.REAL, watchers=100, peers=())


# One stalled reader stops the floor for good: it awaits each send.
_BUFFERING = (GRAPHQL_WS, MERCURIUS)
_FULL = [
    *(
        Case(kind=kind, watchers=watchers, topics=topics)
        for kind in (Kind.STREAM, Kind.ENVELOPE)
        for watchers, topics in ((100, 1), (500, 1), (2_000, 1), (1_000, 500))
    ),
    *(Case(kind=Kind.RUN, watchers=watchers, topics=topics) for watchers, topics in ((100, 1), (1_000, 500))),
    *(Case(measure=Measure.STALLED, watchers=100, stalled=stalled, peers=_BUFFERING) for stalled in (10, 50)),
]
_QUICK = [
    Case(watchers=100),
    Case(kind=Kind.ENVELOPE, watchers=100),
    Case(kind=Kind.RUN, watchers=100, peers=(FLOOR,)),
    Case(measure=Measure.STALLED, watchers=100, stalled=10, peers=()),
]


def planned(*, quick: bool, rounds: int | None, seconds: float | None, words: str | None) -> Plan:
    cases = _QUICK if quick else _FULL
    wanted = words.split("|") if words else [""]
    return Plan(
        [case for case in cases if any(word in case.title for word in wanted)],
        rounds or (QUICK_ROUNDS if quick else ROUNDS),
        seconds or (QUICK_SECONDS if quick else SECONDS),
        real=REAL if any(word in REAL.title for word in wanted) else None,
        real_runs=5 if quick else 50,
    )
