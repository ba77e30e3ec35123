"""What happens: runs, their steps, what is told of them, and what was asked for once already."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from domain.forms import Claim, Form
from domain.ids import Id
from domain.runs import Run, RunPurpose, RunStatus
from domain.shots.batch import ShotBatch
from domain.steps import RunError, Source, Step, StepStatus
from storage.answers import KeptResponse, Refusal
from storage.columns import CREDITS, MOMENT, EntityId, Json, choice
from storage.tables.shape import id_column, metadata, reference, required, tenant

runs = Table(
    "runs",
    metadata,
    id_column(),
    tenant(),
    reference("project_id", "projects"),
    reference("workflow_id", "workflows"),
    required("workflow_version", Integer),
    Column("purpose", choice(RunPurpose)),
    Column("purpose_id", EntityId),
    required("status", choice(RunStatus)),
    required("inputs", Json()),
    required("node_settings", Json()),
    required("prompts", Json()),
    required("outputs", Json()),
    Column("error", Json(RunError)),
    reference("retry_of", "runs", null=True),
    required("seed", Integer),
    required("fresh", Boolean),
    required("priority", SmallInteger),
    required("steps_total", Integer),
    required("steps_done", Integer),
    required("steps_cached", Integer),
    required("steps_waiting", Integer),
    required("progress", Float),
    required("retries", Integer),
    required("cost", CREDITS),
    required("reserved", CREDITS),
    required("held", CREDITS),
    Column("max_credits", CREDITS),
    Column("deadline", MOMENT),
    required("version", Integer),
    required("trace_id", Text),
    required("created_by", Text),
    required("created_at", MOMENT),
    Column("started_at", MOMENT),
    Column("finished_at", MOMENT),
    Column("cancel_requested_at", MOMENT),
    Index("ix_runs_project_id_id", "project_id", "id"),
    Index("ix_runs_workflow_id_id", "workflow_id", "id"),
    Index(
        "ix_runs_stopping",
        "id",
        postgresql_where=text("finished_at IS NULL AND (cancel_requested_at IS NOT NULL OR error IS NOT NULL)"),
    ),
    Index("ix_runs_deadline", "deadline", postgresql_where=text("finished_at IS NULL AND deadline IS NOT NULL")),
)
steps = Table(
    "steps",
    metadata,
    id_column(),
    tenant(),
    reference("project_id", "projects"),
    reference("run_id", "runs", cascade=True),
    reference("parent_id", "steps", null=True, cascade=True),
    required("node_id", Text),
    required("kind", Text),
    Column("label", Text),
    required("config", Json()),
    required("given", Json()),
    required("sources", Json(tuple[Source, ...])),
    required("targets", ARRAY(Text, as_tuple=True)),
    required("waits_for", Integer),
    required("status", choice(StepStatus)),
    required("priority", SmallInteger),
    required("epoch", Integer),
    required("attempt", Integer),
    Column("lease_until", MOMENT),
    required("available_at", MOMENT),
    Column("provider", Text),
    Column("job_id", Text),
    required("reserved", CREDITS),
    required("repeatable", Boolean),
    Column("cache_key", Text),
    required("cached", Boolean),
    required("inputs", Json()),
    required("outputs", Json()),
    required("image_ids", Json(tuple[Id, ...])),
    Column("error", Json(RunError)),
    Column("form", Json(Form)),
    Column("due_at", MOMENT),
    Column("claim", Json(Claim)),
    required("share", Float),
    required("reported", Float),
    required("cost", CREDITS),
    required("version", Integer),
    required("created_at", MOMENT),
    Column("started_at", MOMENT),
    Column("finished_at", MOMENT),
    UniqueConstraint("run_id", "node_id"),
    Index("ix_steps_lease_until", "lease_until", postgresql_where=text("status = 'RUNNING'")),
    Index("ix_steps_available_at", "available_at", postgresql_where=text("status = 'QUEUED'")),
    Index(
        "ix_steps_turns",
        "project_id",
        text("priority DESC"),
        "run_id",
        "id",
        postgresql_where=text("status = 'QUEUED'"),
    ),
    Index("ix_steps_due_at", "due_at", postgresql_where=text("status = 'WAITING'")),
    Index("ix_steps_parent_id", "parent_id", postgresql_where=text("parent_id IS NOT NULL")),
    Index("ix_steps_cache", "project_id", "cache_key", "id", postgresql_where=text("status = 'SUCCEEDED'")),
)
circuits = Table(
    "circuits",
    metadata,
    Column("id", Text, primary_key=True),
    required("failures", Integer),
    Column("open_until", MOMENT),
    required("updated_at", MOMENT),
)
events = Table(
    "events",
    metadata,
    Column("project_id", EntityId, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    required("event", Text),
    required("channel", Text),
    Column("run_id", EntityId),
    required("subject_type", Text),
    required("subject_id", EntityId),
    required("version", Integer),
    required("payload", Json()),
    Column("client_mutation_id", Text),
    required("trace_id", Text),
    required("occurred_at", MOMENT),
    Index("ix_events_run_id_seq", "run_id", "seq"),
)
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("organization_id", EntityId, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    required("fingerprint", LargeBinary),
    Column("answer_type", Text),
    Column("answer_id", EntityId),
    Column("refusal", Json(Refusal)),
    Column("response", Json(KeptResponse)),
    required("created_at", MOMENT),
    Index("ix_idempotency_keys_created_at", "created_at"),
)

# What is written once and never changes; no update touches it.
_ALWAYS = {"id", "organization_id", "created_at"}
FIXED: dict[type[Any], frozenset[str]] = {
    Run: frozenset(
        {
            *_ALWAYS,
            "project_id",
            "workflow_id",
            "workflow_version",
            "purpose",
            "purpose_id",
            "inputs",
            "node_settings",
            "prompts",
        }
        | {"retry_of", "seed", "fresh", "priority", "trace_id", "created_by"}
    ),
    Step: frozenset(
        {*_ALWAYS, "project_id", "run_id", "parent_id", "node_id", "kind", "label", "config", "given", "sources"}
        | {"targets", "priority"}
    ),
    ShotBatch: frozenset({*_ALWAYS, "project_id", "season", "episode", "style", "workflow_json", "mode", "params"})
    | {"recipe", "trace_id", "created_by"},
}
