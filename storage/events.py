"""
Recorded events: numbered by their project without gaps, in the order of the commits.

Announcements are no project's. They have tables of their own, as projects' tables refer to projects and organizations,
and are read here under the id EVERYBODY as if it were a project's.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, null, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.announcements import EVERYBODY
from domain.events import Envelope, Event
from domain.ids import Id, new_id
from domain.ports import DeliveryJob
from storage.columns import to_json
from storage.failures import spoken_plainly
from storage.pool import reading
from storage.tables import announcement_events, announcement_sequence, events, project_sequences

# The lock on the project's sequence is held from here to the commit, and no longer.
_RECORD = """
    WITH numbered AS (
        UPDATE project_sequences SET seq = seq + $2 WHERE id = $1 RETURNING seq - $2 AS seq_before
    ), fresh AS (
        SELECT * FROM jsonb_to_recordset($3::jsonb) AS f(
            ord integer, id uuid, event text, channel text, run_id uuid, subject_type text, subject_id uuid,
            version integer, payload jsonb, occurred_at timestamptz
        )
    ), written AS (
        INSERT INTO events (project_id, seq, event, channel, run_id, subject_type, subject_id, version, payload,
            client_mutation_id, trace_id, occurred_at)
        SELECT $1, seq_before + ord, event, channel, run_id, subject_type, subject_id, version, payload, $4, $5,
            occurred_at
        FROM numbered, fresh
    ), due AS (
        INSERT INTO webhook_deliveries (id, organization_id, project_id, endpoint_id, message_id, event, body, status,
            attempt, epoch, due_at, trace_id, created_at)
        SELECT made.id, endpoint.organization_id, $1, endpoint.id, made.id, fresh.event, made.body, 'PENDING',
            0, 0, now(), $5, now()
        FROM numbered, fresh
        JOIN LATERAL (
            SELECT id, organization_id, events FROM webhook_endpoints
            WHERE project_id = $1 AND run_id IS NULL AND enabled AND deleted_at IS NULL
            UNION ALL
            SELECT id, organization_id, events FROM webhook_endpoints
            WHERE run_id = fresh.run_id AND enabled AND deleted_at IS NULL
        ) AS endpoint ON endpoint.events && ARRAY['*', fresh.event, split_part(fresh.event, '.', 1) || '.*'],
        LATERAL (
            SELECT (left(fresh.id::text, 19) || right(gen_random_uuid()::text, 17))::uuid AS id,  -- in their order
            jsonb_build_object(
                'type', fresh.event, 'projectId', $1, 'runId', fresh.run_id, 'data', fresh.payload, 'traceId', $5::text,
                'timestamp', to_char(fresh.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                'clientMutationId', $4::text
            )::text AS body
        ) AS made
        RETURNING id
    )
    SELECT seq_before, ARRAY(SELECT id::text FROM due) AS deliveries FROM numbered
"""
# As above; what everybody is told is nothing for the webhooks of a project.
_RECORD_FOR_EVERYBODY = """
    WITH numbered AS (
        INSERT INTO announcement_sequence AS counted (id, seq) VALUES ($1, $2)
        ON CONFLICT (id) DO UPDATE SET seq = counted.seq + excluded.seq RETURNING counted.seq - $2 AS seq_before
    ), written AS (
        INSERT INTO announcement_events (seq, event, subject_id, version, payload, client_mutation_id, trace_id,
            occurred_at)
        SELECT seq_before + ord, event, subject_id, version, payload, $4, $5, occurred_at
        FROM numbered, jsonb_to_recordset($3::jsonb) AS fresh(
            ord integer, event text, subject_id uuid, version integer, payload jsonb, occurred_at timestamptz
        )
    )
    SELECT seq_before, ARRAY[]::text[] AS deliveries FROM numbered
"""
_FOR_EVERYBODY: Select[Any] = select(
    literal(EVERYBODY).label("project_id"),
    literal("announcements").label("channel"),
    null().label("run_id"),
    literal("Announcement").label("subject_type"),
    *announcement_events.c,
)


async def record(
    connection: AsyncConnection, recorded: Sequence[Event], client_mutation_id: str | None, trace_id: str
) -> tuple[list[Envelope], list[DeliveryJob]]:
    """Write the events of a transaction, with what webhooks are to tell of them. They come back with their numbers."""
    envelopes: list[Envelope] = []
    jobs: list[DeliveryJob] = []
    by_project = attrgetter("project_id")
    for project_id, group in groupby(sorted(recorded, key=by_project), by_project):
        of_project = list(group)
        values = (project_id, len(of_project), _as_json(of_project), client_mutation_id, trace_id)
        statement = _RECORD_FOR_EVERYBODY if project_id == EVERYBODY else _RECORD
        numbered = (await connection.exec_driver_sql(statement, values)).one()
        before: int = numbered.seq_before
        jobs += (DeliveryJob(id_, trace_id=trace_id) for id_ in numbered.deliveries)
        envelopes += (
            Envelope(seq=before + ord_, event=event, client_mutation_id=client_mutation_id, trace_id=trace_id)
            for ord_, event in enumerate(of_project, 1)
        )
    return envelopes, jobs


def _as_json(recorded: list[Event]) -> str:
    names = ("event", "channel", "run_id", "subject_type", "subject_id", "version", "payload", "occurred_at")
    rows = [{name: getattr(event, name) for name in names} for event in recorded]
    return to_json([{"ord": ord_, "id": new_id(), **row} for ord_, row in enumerate(rows, 1)])


class EventLog:
    """Reads what was recorded. Who may see a project is decided before."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = reading(engine)

    async def after(self, project_id: Id, seq: int, *, most: int) -> list[Envelope]:
        """The project's events with greater numbers, in order; they begin later than `seq + 1` where some are gone."""
        if project_id == EVERYBODY:
            of_everybody = _FOR_EVERYBODY.where(announcement_events.c.seq > seq)
            return await self._read(of_everybody.order_by(announcement_events.c.seq).limit(most))
        return await self._after(seq, most, events.c.project_id == project_id)

    async def of_run(self, project_id: Id, run_id: Id, seq: int, *, most: int) -> list[Envelope]:
        """The run's events with greater numbers, in order."""
        return await self._after(seq, most, events.c.project_id == project_id, events.c.run_id == run_id)

    async def _after(self, seq: int, most: int, *where: ColumnElement[bool]) -> list[Envelope]:
        return await self._read(select(events).where(events.c.seq > seq, *where).order_by(events.c.seq).limit(most))

    async def _read(self, query: Select[Any]) -> list[Envelope]:
        with spoken_plainly():
            async with self.engine.connect() as connection:
                rows = (await connection.execute(query)).mappings().all()
        return [envelope_of(row) for row in rows]

    async def count_of_run(self, project_id: Id, run_id: Id) -> int:
        query = select(func.count()).where(events.c.project_id == project_id, events.c.run_id == run_id)
        with spoken_plainly():
            async with self.engine.connect() as connection:
                count: int = (await connection.execute(query)).scalar_one()
        return count

    async def newest(self, project_ids: Iterable[Id]) -> dict[Id, int]:
        """The number of each project's newest event, and of EVERYBODY's; 0 before the first."""
        asked = set(project_ids)
        numbers = select(project_sequences.c.id, project_sequences.c.seq)
        query: Any = numbers.where(project_sequences.c.id.in_(list(asked - {EVERYBODY})))
        if EVERYBODY in asked:
            query = union_all(query, select(announcement_sequence.c.id, announcement_sequence.c.seq))
        with spoken_plainly():
            async with self.engine.connect() as connection:
                rows = (await connection.execute(query)).all()
        return {**dict.fromkeys(asked & {EVERYBODY}, 0), **{row.id: row.seq for row in rows}}


def envelope_of(row: Any) -> Envelope:
    fields = dict(row)
    numbered = {name: fields.pop(name) for name in ("seq", "client_mutation_id", "trace_id")}
    return Envelope(event=Event(**fields), **numbered)
