"""The tables; each holds one noun of the domain, field by field."""

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
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from domain.assets import Asset, AssetType
from domain.circuits import Circuit
from domain.forms import Claim, Form
from domain.graphs import Edge, Node
from domain.ids import Id
from domain.images import FocalPoint, Image, ImageSource
from domain.organizations import ApiKey, Organization
from domain.projects import Project, ProjectSequence, ProjectSettings, ProjectStatus
from domain.runs import Run, RunStatus
from domain.steps import RunError, Source, Step, StepStatus
from domain.workflows import Workflow, WorkflowVersion
from storage.columns import CREDITS, MOMENT, EntityId, Json, choice

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[Any]:
    return Column("id", EntityId, primary_key=True)


def _of(name: str, table: str, *, null: bool = False, cascade: bool = False) -> Column[Any]:
    key = ForeignKey(f"{table}.id", ondelete="CASCADE" if cascade else None)
    return Column(name, EntityId, key, nullable=null)


def _tenant() -> Column[Any]:
    return _of("organization_id", "organizations")


def _required(name: str, kind: Any, **options: Any) -> Column[Any]:
    return Column(name, kind, nullable=False, **options)


organizations = Table(
    "organizations",
    metadata,
    _id(),
    _required("slug", Text, unique=True),
    _required("name", Text),
    _required("version", Integer),
    _required("created_at", MOMENT),
)
api_keys = Table(
    "api_keys",
    metadata,
    _id(),
    _tenant(),
    _required("name", Text),
    _required("prefix", Text, unique=True),
    _required("secret_hash", LargeBinary),
    _required("scopes", ARRAY(Text, as_tuple=True)),
    _of("project_id", "projects", null=True),
    _of("default_project_id", "projects", null=True),
    _required("created_at", MOMENT),
    Column("expires_at", MOMENT),
    Column("revoked_at", MOMENT),
)
projects = Table(
    "projects",
    metadata,
    _id(),
    _tenant(),
    _required("slug", Text),
    _required("name", Text),
    _required("status", choice(ProjectStatus)),
    _required("settings", Json(ProjectSettings)),
    _required("version", Integer),
    _required("created_at", MOMENT),
    _required("updated_at", MOMENT),
    UniqueConstraint("organization_id", "slug"),
)
project_sequences = Table(
    "project_sequences",
    metadata,
    Column("id", EntityId, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    _tenant(),
    _required("seq", BigInteger),
)
workflows = Table(
    "workflows",
    metadata,
    _id(),
    _tenant(),
    _of("project_id", "projects"),
    _required("name", Text),
    _required("nodes", Json(tuple[Node, ...])),
    _required("edges", Json(tuple[Edge, ...])),
    _required("version", Integer),
    _required("created_at", MOMENT),
    _required("updated_at", MOMENT),
    Index("ix_workflows_project_id_id", "project_id", "id"),
)
workflow_versions = Table(
    "workflow_versions",
    metadata,
    _id(),
    _tenant(),
    _of("project_id", "projects"),
    _of("workflow_id", "workflows", cascade=True),
    _required("version", Integer),
    _required("name", Text),
    _required("nodes", Json(tuple[Node, ...])),
    _required("edges", Json(tuple[Edge, ...])),
    _required("created_at", MOMENT),
    _required("created_by", Text),
    UniqueConstraint("workflow_id", "version"),
    Index("ix_workflow_versions_workflow_id_id", "workflow_id", "id"),
)
assets = Table(
    "assets",
    metadata,
    _id(),
    _tenant(),
    _of("project_id", "projects"),
    _required("type", choice(AssetType)),
    _required("label", Text),
    _required("metadata", Json()),
    Column("content", Json()),
    _required("version", Integer),
    _required("created_at", MOMENT),
    _required("updated_at", MOMENT),
    Index("ix_assets_project_id_id", "project_id", "id"),
)
runs = Table(
    "runs",
    metadata,
    _id(),
    _tenant(),
    _of("project_id", "projects"),
    _of("workflow_id", "workflows"),
    _required("workflow_version", Integer),
    _required("status", choice(RunStatus)),
    _required("inputs", Json()),
    _required("prompts", Json()),
    _required("outputs", Json()),
    Column("error", Json(RunError)),
    _of("retry_of", "runs", null=True),
    _required("seed", Integer),
    _required("fresh", Boolean),
    _required("priority", SmallInteger),
    _required("steps_total", Integer),
    _required("steps_done", Integer),
    _required("steps_cached", Integer),
    _required("steps_waiting", Integer),
    _required("progress", Float),
    _required("retries", Integer),
    _required("cost", CREDITS),
    _required("reserved", CREDITS),
    Column("max_credits", CREDITS),
    Column("deadline", MOMENT),
    _required("version", Integer),
    _required("trace_id", Text),
    _required("created_by", Text),
    _required("created_at", MOMENT),
    Column("started_at", MOMENT),
    Column("finished_at", MOMENT),
    Column("cancel_requested_at", MOMENT),
    Index("ix_runs_project_id_id", "project_id", "id"),
    Index("ix_runs_workflow_id_id", "workflow_id", "id"),
    Index("ix_runs_deadline", "deadline", postgresql_where=text("finished_at IS NULL AND deadline IS NOT NULL")),
)
steps = Table(
    "steps",
    metadata,
    _id(),
    _tenant(),
    _of("project_id", "projects"),
    _of("run_id", "runs", cascade=True),
    _of("parent_id", "steps", null=True, cascade=True),
    _required("node_id", Text),
    _required("kind", Text),
    Column("label", Text),
    _required("config", Json()),
    _required("given", Json()),
    _required("sources", Json(tuple[Source, ...])),
    _required("targets", ARRAY(Text, as_tuple=True)),
    _required("waits_for", Integer),
    _required("status", choice(StepStatus)),
    _required("priority", SmallInteger),
    _required("epoch", Integer),
    _required("attempt", Integer),
    Column("lease_until", MOMENT),
    _required("available_at", MOMENT),
    Column("provider", Text),
    _required("reserved", CREDITS),
    _required("repeatable", Boolean),
    Column("cache_key", Text),
    _required("cached", Boolean),
    _required("inputs", Json()),
    _required("outputs", Json()),
    _required("image_ids", Json(tuple[Id, ...])),
    Column("error", Json(RunError)),
    Column("form", Json(Form)),
    Column("due_at", MOMENT),
    Column("claim", Json(Claim)),
    _required("share", Float),
    _required("reported", Float),
    _required("cost", CREDITS),
    _required("version", Integer),
    _required("created_at", MOMENT),
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
    _required("failures", Integer),
    Column("open_until", MOMENT),
    _required("updated_at", MOMENT),
)
images = Table(
    "images",
    metadata,
    _id(),
    _tenant(),
    _of("project_id", "projects"),
    _of("run_id", "runs", null=True),
    _of("step_id", "steps", null=True),
    _of("api_key_id", "api_keys", null=True),
    _required("source", choice(ImageSource)),
    _required("storage_key", Text, unique=True),
    _required("file_name", Text),
    _required("mime_type", Text),
    _required("file_size", BigInteger),
    _required("file_hash", Text),
    _required("width", Integer),
    _required("height", Integer),
    Column("alias", Text),
    Column("focal_point", Json(FocalPoint)),
    Column("seed", Text),
    Column("model", Text),
    Column("provider", Text),
    _required("meta", Json()),
    _required("version", Integer),
    _required("created_at", MOMENT),
    _required("updated_at", MOMENT),
    Column("deleted_at", MOMENT),
    Index("ix_images_project_id_id", "project_id", "id"),
    UniqueConstraint("project_id", "file_name"),
    Index("ix_images_run_id_id", "run_id", "id"),
    Index("ix_images_step_id_id", "step_id", "id"),
)
events = Table(
    "events",
    metadata,
    Column("project_id", EntityId, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    _required("event", Text),
    _required("channel", Text),
    Column("run_id", EntityId),
    _required("subject_type", Text),
    _required("subject_id", EntityId),
    _required("version", Integer),
    _required("payload", Json()),
    Column("client_mutation_id", Text),
    _required("trace_id", Text),
    _required("occurred_at", MOMENT),
    Index("ix_events_run_id_seq", "run_id", "seq"),
)
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("organization_id", EntityId, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    _required("fingerprint", LargeBinary),
    Column("answer_type", Text),
    Column("answer_id", EntityId),
    _required("created_at", MOMENT),
    Index("ix_idempotency_keys_created_at", "created_at"),
)

TABLES: dict[type[Any], Table] = {
    Organization: organizations,
    ApiKey: api_keys,
    Project: projects,
    ProjectSequence: project_sequences,
    Workflow: workflows,
    WorkflowVersion: workflow_versions,
    Asset: assets,
    Run: runs,
    Step: steps,
    Circuit: circuits,
    Image: images,
}
