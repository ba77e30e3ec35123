"""What the studio tells everybody, and the events of it: beside those of projects, as they belong to none."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, text

from storage.columns import MOMENT, EntityId, Json
from storage.tables.shape import id_column, metadata, required

announcements = Table(
    "announcements",
    metadata,
    id_column(),
    required("level", Text),
    required("message", Text),
    required("starts_at", MOMENT),
    Column("ends_at", MOMENT),
    Column("started_at", MOMENT),
    Column("ended_at", MOMENT),
    required("version", Integer),
    required("created_at", MOMENT),
    Index("ix_announcements_open", "starts_at", postgresql_where=text("ended_at IS NULL")),
)
# One row at most: what `project_sequences` is to a project. It is made with the first event.
announcement_sequence = Table(
    "announcement_sequence",
    metadata,
    id_column(),
    required("seq", BigInteger),
)
announcement_events = Table(
    "announcement_events",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    required("event", Text),
    required("subject_id", EntityId),
    required("version", Integer),
    required("payload", Json()),
    Column("client_mutation_id", Text),
    required("trace_id", Text),
    required("occurred_at", MOMENT),
)
