"""Whose turn it is: projects one after the other, and within each the most urgent step of the oldest run."""

import asyncio
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.circuits import FAILURES_TO_OPEN
from domain.ids import NO_ID, Id
from domain.ports import StepJob
from storage.failures import spoken_plainly
from storage.pool import reading

# Processes that look at the same moment see the same steps: each takes one of the first few, so that most differ.
CHOICE = 4
SHUNNED_SECONDS = 30.0
MOST_REMEMBERED = 10_000

Call = tuple[Id, int]

# The projects with queued steps are found by jumping from one to the next in the index, however many steps they have:
# first those behind the one whose turn was last, then the others up to it.
_NEXT = text("""
    WITH RECURSIVE held AS MATERIALIZED (
        SELECT project_id, provider FROM steps WHERE status = 'RUNNING' AND lease_until IS NOT NULL
    ), waiting_kinds AS MATERIALIZED (
        SELECT kind FROM unnest(CAST(:kinds AS text[]), CAST(:providers AS text[])) AS asks(kind, provider)
        LEFT JOIN circuits ON circuits.id = asks.provider
        WHERE (SELECT count(*) FROM held WHERE held.provider = asks.provider) >= CASE
            WHEN coalesce(circuits.failures, 0) < :failures_to_open THEN :provider_cap
            WHEN circuits.open_until > now() THEN 0
            ELSE 1
        END
    ), turns(project_id, round) AS (
        SELECT CAST(:after AS uuid), 1
        UNION ALL
        SELECT next.project_id, next.round FROM turns, LATERAL (
            (
                SELECT project_id, turns.round FROM steps
                WHERE status = 'QUEUED' AND project_id > turns.project_id AND (turns.round = 1 OR project_id <= :after)
                ORDER BY project_id LIMIT 1
            ) UNION ALL (
                SELECT project_id, 2 FROM steps
                WHERE status = 'QUEUED' AND turns.round = 1 AND project_id <= :after
                ORDER BY project_id LIMIT 1
            ) ORDER BY round LIMIT 1
        ) AS next
    ), open_turns AS (
        SELECT project_id, (SELECT count(*) FROM held WHERE held.project_id = turns.project_id) AS held
        FROM turns OFFSET 1
    )
    SELECT step.*, open_turns.held FROM open_turns, LATERAL (
        SELECT organization_id, project_id, run_id, id AS step_id, epoch, priority FROM steps
        WHERE status = 'QUEUED' AND steps.project_id = open_turns.project_id AND available_at <= now()
            AND id <> ALL(CAST(:taken AS uuid[])) AND kind NOT IN (SELECT kind FROM waiting_kinds)
        ORDER BY priority DESC, run_id, id LIMIT :choice
    ) AS step
    WHERE open_turns.held < :project_cap LIMIT :choice
""")


_KNOW = text("INSERT INTO circuits (id, failures, updated_at) VALUES (:id, 0, now()) ON CONFLICT DO NOTHING")


async def know_providers(engine: AsyncEngine, names: Iterable[str]) -> None:
    """Each provider has a circuit, closed at first."""
    with spoken_plainly():
        async with engine.begin() as connection:
            await connection.execute(_KNOW, [{"id": name} for name in names])


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many steps workers may hold at once, of one project and with one provider; and which kinds ask whom."""

    project: int
    provider: int
    providers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Turn:
    """A step to claim, and how many of its project are held already."""

    job: StepJob
    held: int


@dataclass(slots=True)
class Turns:
    """One per process: it goes round the projects from the one it was at last."""

    engine: AsyncEngine
    limits: Limits
    _after: Id = NO_ID
    _taken: dict[Id, float] = field(default_factory=dict)
    _instead: dict[Call, Call | None] = field(default_factory=dict)
    _one_by_one: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.engine = reading(self.engine)

    async def next(self, call: StepJob | None = None) -> Turn | None:
        """
        The step whose turn it is; None where there is none, or no room. Nobody in this process gets it again until it
        is `settled`. A `call` wakes for one step, though maybe not for the one it names.
        """
        named = self._meant(call.step_id, call.epoch) if call else None
        if call and named is None:
            return None
        async with self._one_by_one:
            found = await self._first()
            if not found:
                return None
            turn = _chosen(found)
            self._after = Id(str(found[0]["project_id"]))
            self._taken[turn.job.step_id] = float("inf")
            self._remember(turn.job, named)
            return turn

    def _remember(self, taken: StepJob, named: Call | None) -> None:
        """The call for a step that was taken without it is one for what the other call named, or for nothing."""
        if named != (taken.step_id, taken.epoch):
            self._instead[taken.step_id, taken.epoch] = named
            if len(self._instead) > MOST_REMEMBERED:
                self._instead.pop(next(iter(self._instead)))

    def _meant(self, step_id: Id, epoch: int) -> Call | None:
        """What a call is for by now: looking for what nobody waits for any more would only cost time."""
        call: Call | None = (step_id, epoch)
        while call is not None and call in self._instead:
            call = self._instead.pop(call)
        return call

    def settled(self, turn: Turn) -> None:
        self._taken.pop(turn.job.step_id, None)

    def failed(self, turn: Turn) -> None:
        """It could not be claimed, who knows why: the others go first for a while."""
        self._taken[turn.job.step_id] = monotonic() + SHUNNED_SECONDS

    def _elsewhere(self) -> list[Id]:
        now = monotonic()
        self._taken = {step_id: until for step_id, until in self._taken.items() if until > now}
        return list(self._taken)

    async def _first(self) -> list[dict[str, Any]]:
        limits = self.limits
        values = {
            "after": self._after,
            "taken": self._elsewhere(),
            "kinds": list(limits.providers),
            "providers": list(limits.providers.values()),
            "project_cap": limits.project,
            "provider_cap": limits.provider,
            "failures_to_open": FAILURES_TO_OPEN,
            "choice": CHOICE,
        }
        with spoken_plainly():
            async with self.engine.connect() as connection:
                return [dict(row) for row in (await connection.execute(_NEXT, values)).mappings()]


def _chosen(found: list[dict[str, Any]]) -> Turn:
    first = (found[0]["project_id"], found[0]["priority"])
    row = random.choice([row for row in found if (row["project_id"], row["priority"]) == first])  # noqa: S311 - hides nothing
    return Turn(_job(row), row["held"])


def _job(row: dict[str, Any]) -> StepJob:
    return msgspec.convert(msgspec.to_builtins({name: row[name] for name in StepJob.__match_args__[:4]}), StepJob)
