"""Whose turn it is: projects one after the other, and within each the most urgent step of the oldest run."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.circuits import FAILURES_TO_OPEN
from domain.ids import NO_ID, Id
from domain.ports import StepJob
from domain.providers import Terms
from storage.failures import spoken_plainly
from storage.pool import reading

# Whoever is given a step has so long to claim it before it is given to another.
GIVEN_SECONDS = 5.0

# The projects with queued steps are found by jumping from one to the next in the index, however many steps they have:
# first those behind the one whose turn was last, then the others up to it.
_NEXT = text("""
    WITH RECURSIVE held AS MATERIALIZED (
        SELECT project_id, provider FROM steps WHERE status = 'RUNNING' AND lease_until IS NOT NULL
    ), waiting_kinds AS MATERIALIZED (
        SELECT kind FROM unnest(
            CAST(:kinds AS text[]), CAST(:providers AS text[]), CAST(:caps AS integer[])
        ) AS asks(kind, provider, cap)
        LEFT JOIN circuits ON circuits.id = asks.provider
        WHERE (SELECT count(*) FROM held WHERE held.provider = asks.provider) >= CASE
            WHEN coalesce(circuits.failures, 0) < :failures_to_open THEN asks.cap
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
    ), chosen AS (
        SELECT step.id, step.epoch FROM open_turns, LATERAL (
            SELECT id, epoch FROM steps
            WHERE status = 'QUEUED' AND steps.project_id = open_turns.project_id AND available_at <= now()
                AND kind NOT IN (SELECT kind FROM waiting_kinds)
            ORDER BY priority DESC, run_id, id LIMIT 1 FOR UPDATE SKIP LOCKED
        ) AS step
        WHERE open_turns.held < :project_cap LIMIT 1
    ), uncalled AS (
        DELETE FROM pgqueuer USING chosen
        WHERE NOT :called AND status = 'queued' AND dedupe_key = chosen.id::text || ':' || chosen.epoch::text
    )
    UPDATE steps SET available_at = now() + make_interval(secs => :given_seconds) FROM chosen WHERE steps.id = chosen.id
    RETURNING organization_id, project_id, run_id, steps.id AS step_id, steps.epoch
""")

_KNOW = text("INSERT INTO circuits (id, failures, updated_at) VALUES (:id, 0, now()) ON CONFLICT DO NOTHING")


async def know_providers(engine: AsyncEngine, names: Iterable[str]) -> None:
    """Each provider has a circuit, closed at first."""
    with spoken_plainly():
        async with engine.begin() as connection:
            await connection.execute(_KNOW, [{"id": name} for name in names])


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    How many steps workers may hold at once, of one project and with one provider; and which kinds ask whom.

    A provider may take fewer than that: `Terms.at_once`.
    """

    project: int
    provider: int
    asks: dict[str, Terms]


@dataclass(slots=True)
class Turns:
    """One per process: it goes round the projects from the one it was at last."""

    engine: AsyncEngine
    limits: Limits
    _after: Id = NO_ID

    def __post_init__(self) -> None:
        self.engine = reading(self.engine)

    async def next(self, *, called: bool = True) -> StepJob | None:
        """
        The step whose turn it is; None where there is none, or no room. It is given to nobody else for a while.

        A worker is `called` once for each queued step, though maybe not for the one it gets. Whoever takes another turn
        without being called takes the call for that step away, so that there are never more calls than steps.
        """
        row = await self._given(called=called)
        if row is None:
            return None
        self._after = Id(str(row["project_id"]))
        return _job(row)

    async def _given(self, *, called: bool) -> RowMapping | None:
        limits = self.limits
        values = {
            "called": called,
            "after": self._after,
            "kinds": list(limits.asks),
            "providers": [terms.provider for terms in limits.asks.values()],
            "caps": [terms.most_at_once(limits.provider) for terms in limits.asks.values()],
            "project_cap": limits.project,
            "failures_to_open": FAILURES_TO_OPEN,
            "given_seconds": GIVEN_SECONDS,
        }
        with spoken_plainly():
            async with self.engine.connect() as connection:
                return (await connection.execute(_NEXT, values)).mappings().first()


def _job(row: RowMapping) -> StepJob:
    ids = (Id(str(row[name])) for name in ("organization_id", "run_id", "step_id"))
    organization_id, run_id, step_id = ids
    return StepJob(organization_id, run_id, step_id, row["epoch"])
