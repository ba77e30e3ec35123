"""Film shots: batches of them, the shots, the names of their files, what happened to them."""

from sqlalchemy import Boolean, Column, Float, Index, Integer, Table, Text, UniqueConstraint, text

from domain.forms import Claim
from domain.shots.batch import ShotCounts
from domain.shots.logs import LogLevel
from domain.shots.name_fields import ShotTask
from domain.shots.recipes import Recipe
from domain.shots.shot import BatchMode, ShotStatus
from domain.steps import RunError
from storage.columns import CREDITS, MOMENT, EntityId, Json, choice
from storage.tables.shape import id_column, metadata, reference, required, tenant

shot_batches = Table(
    "shot_batches",
    metadata,
    id_column(),
    tenant(),
    reference("project_id", "projects"),
    required("season", Text),
    required("episode", Text),
    required("style", Text),
    Column("workflow_json", Text),
    required("mode", choice(BatchMode)),
    required("params", Json()),
    Column("recipe", Json(Recipe)),
    required("counts", Json(ShotCounts)),
    required("has_begun", Boolean),
    Column("max_credits", CREDITS),
    required("cost", CREDITS),
    required("in_flight", Integer),
    Column("paused_because", Text),
    Column("canceled_at", MOMENT),
    required("version", Integer),
    required("trace_id", Text),
    required("created_by", Text),
    required("created_at", MOMENT),
    required("updated_at", MOMENT),
    Index("ix_shot_batches_project_id_id", "project_id", "id"),
)
shots = Table(
    "shots",
    metadata,
    id_column(),
    tenant(),
    reference("project_id", "projects"),
    reference("batch_id", "shot_batches", cascade=True),
    required("sequence", Text),
    required("plan", Text),
    required("mode", choice(BatchMode)),
    required("status", choice(ShotStatus)),
    required("progress", Float),
    required("attempt", Integer),
    required("file_name", Text),
    required("file_version", Integer),
    Column("run_id", EntityId),
    Column("image_id", EntityId),
    Column("source_image_id", EntityId),
    Column("error", Json(RunError)),
    Column("claim", Json(Claim)),
    required("version", Integer),
    required("created_at", MOMENT),
    required("updated_at", MOMENT),
    Index("ix_shots_batch_id_id", "batch_id", "id"),
    Index("ix_shots_batch_id_status_id", "batch_id", "status", "id"),
    Index("ix_shots_run_id", "run_id", postgresql_where=text("run_id IS NOT NULL")),
    Index("ix_shots_project_id_sequence_status", "project_id", "sequence", "status"),
    UniqueConstraint("batch_id", "sequence", "plan"),
)
shot_files = Table(
    "shot_files",
    metadata,
    id_column(),
    tenant(),
    reference("project_id", "projects"),
    required("season", Text),
    required("episode", Text),
    required("sequence", Text),
    required("plan", Text),
    required("task", choice(ShotTask)),
    required("version", Integer),
    required("ext", Text),
    required("name", Text),
    Column("shot_id", EntityId),
    Column("image_id", EntityId),
    required("created_at", MOMENT),
    UniqueConstraint("project_id", "name"),
    UniqueConstraint("project_id", "episode", "sequence", "plan", "task", "version"),
    Index("ix_shot_files_shot_id_id", "shot_id", "id", postgresql_where=text("shot_id IS NOT NULL")),
)
shot_logs = Table(
    "shot_logs",
    metadata,
    id_column(),
    tenant(),
    reference("project_id", "projects"),
    reference("batch_id", "shot_batches", cascade=True),
    Column("shot_id", EntityId),
    required("level", choice(LogLevel)),
    required("message", Text),
    required("at", MOMENT),
    Index("ix_shot_logs_batch_id_id", "batch_id", "id"),
    Index("ix_shot_logs_shot_id_id", "shot_id", "id", postgresql_where=text("shot_id IS NOT NULL")),
)
