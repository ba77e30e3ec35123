"""batches of film shots, the names of their files, what happened to them"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _batches()
    _shots()
    _files()
    _logs()
    op.add_column("runs", sa.Column("purpose_id", sa.Uuid(), nullable=True))


def _batches() -> None:
    op.create_table(
        "shot_batches",
        *_of_a_project("shot_batches"),
        sa.Column("season", sa.Text(), nullable=False),
        sa.Column("episode", sa.Text(), nullable=False),
        sa.Column("style", sa.Text(), nullable=False),
        sa.Column("workflow_json", sa.Text(), nullable=True),
        sa.Column("mode", sa.String(length=32), nullable=False),
        sa.Column("params", postgresql.JSONB(), nullable=False),
        sa.Column("recipe", postgresql.JSONB(), nullable=True),
        sa.Column("counts", postgresql.JSONB(), nullable=False),
        sa.Column("has_begun", sa.Boolean(), nullable=False),
        sa.Column("max_credits", sa.Numeric(20, 6), nullable=True),
        sa.Column("cost", sa.Numeric(20, 6), nullable=False),
        sa.Column("in_flight", sa.Integer(), nullable=False),
        sa.Column("paused_because", sa.Text(), nullable=True),
        sa.Column("canceled_at", _MOMENT, nullable=True),
        *_changing(),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shot_batches")),
    )
    op.create_index("ix_shot_batches_project_id_id", "shot_batches", ["project_id", "id"], unique=False)


def _shots() -> None:
    op.create_table(
        "shots",
        *_of_a_project("shots"),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("mode", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("file_version", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("image_id", sa.Uuid(), nullable=True),
        sa.Column("source_image_id", sa.Uuid(), nullable=True),
        sa.Column("error", postgresql.JSONB(), nullable=True),
        sa.Column("claim", postgresql.JSONB(), nullable=True),
        *_changing(),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["shot_batches.id"], name=op.f("fk_shots_batch_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shots")),
        sa.UniqueConstraint("batch_id", "sequence", "plan", name=op.f("uq_shots_batch_id_sequence_plan")),
    )
    op.create_index("ix_shots_batch_id_id", "shots", ["batch_id", "id"], unique=False)
    op.create_index("ix_shots_batch_id_status_id", "shots", ["batch_id", "status", "id"], unique=False)
    op.create_index("ix_shots_project_id_sequence_status", "shots", ["project_id", "sequence", "status"], unique=False)
    _partial_index("shots", "run_id")


def _files() -> None:
    op.create_table(
        "shot_files",
        *_of_a_project("shot_files"),
        sa.Column("season", sa.Text(), nullable=False),
        sa.Column("episode", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("task", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("ext", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("shot_id", sa.Uuid(), nullable=True),
        sa.Column("image_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shot_files")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_shot_files_project_id_name")),
        sa.UniqueConstraint(
            "project_id",
            "episode",
            "sequence",
            "plan",
            "task",
            "version",
            name=op.f("uq_shot_files_project_id_episode_sequence_plan_task_version"),
        ),
    )
    _partial_index("shot_files", "shot_id", "id")


def _logs() -> None:
    op.create_table(
        "shot_logs",
        *_of_a_project("shot_logs"),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("shot_id", sa.Uuid(), nullable=True),
        sa.Column("level", sa.String(length=32), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["shot_batches.id"], name=op.f("fk_shot_logs_batch_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shot_logs")),
    )
    op.create_index("ix_shot_logs_batch_id_id", "shot_logs", ["batch_id", "id"], unique=False)
    _partial_index("shot_logs", "shot_id", "id")


def _of_a_project(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f(f"fk_{table}_organization_id")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f(f"fk_{table}_project_id")),
    )


def _changing() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
    )


def _partial_index(table: str, column: str, *further: str) -> None:
    op.create_index(
        f"ix_{'_'.join((table, column, *further))}",
        table,
        [column, *further],
        postgresql_where=sa.text(f"{column} IS NOT NULL"),
    )
