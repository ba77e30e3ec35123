"""the scenario engine: waiting steps, copies of a map, turns, budgets, circuits, earlier results"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_CREDITS = sa.Numeric(20, 6)
_JSON = postgresql.JSONB()


def _add(table: str, name: str, kind: sa.types.TypeEngine[object], existing: str) -> None:
    """A column that every row has; those that are there get `existing`."""
    op.add_column(table, sa.Column(name, kind, nullable=False, server_default=sa.text(existing)))
    op.alter_column(table, name, server_default=None)


def upgrade() -> None:
    _runs()
    _steps()
    _workflow_versions()
    op.create_table(
        "circuits",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("open_until", _MOMENT, nullable=True),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_circuits")),
    )


def _runs() -> None:
    _add("runs", "prompts", _JSON, "'{}'")
    _add("runs", "seed", sa.Integer(), "0")
    _add("runs", "fresh", sa.Boolean(), "false")
    _add("runs", "steps_waiting", sa.Integer(), "0")
    _add("runs", "progress", sa.Float(), "0")
    _add("runs", "reserved", _CREDITS, "0")
    op.add_column("runs", sa.Column("max_credits", _CREDITS, nullable=True))
    op.add_column("runs", sa.Column("deadline", _MOMENT, nullable=True))
    op.execute("UPDATE runs SET progress = steps_done::float / greatest(steps_total, 1)")
    late = sa.text("finished_at IS NULL AND deadline IS NOT NULL")
    op.create_index("ix_runs_deadline", "runs", ["deadline"], unique=False, postgresql_where=late)


def _steps() -> None:
    op.add_column("steps", sa.Column("parent_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_steps_parent_id"), "steps", "steps", ["parent_id"], ["id"], ondelete="CASCADE"
    )
    _add("steps", "given", _JSON, "'{}'")
    _add("steps", "priority", sa.SmallInteger(), "0")
    _add("steps", "reserved", _CREDITS, "0")
    _add("steps", "image_ids", _JSON, "'[]'")
    _add("steps", "share", sa.Float(), "0")
    _add("steps", "reported", sa.Float(), "0")
    for name, kind in (
        ("provider", sa.Text()),
        ("cache_key", sa.Text()),
        ("form", _JSON),
        ("due_at", _MOMENT),
        ("claim", _JSON),
    ):
        op.add_column("steps", sa.Column(name, kind, nullable=True))
    op.execute(
        "UPDATE steps SET priority = runs.priority, share = 1.0 / greatest(runs.steps_total, 1),"
        " reported = CASE WHEN steps.status = 'SUCCEEDED' THEN 1 ELSE 0 END,"
        " image_ids = coalesce((SELECT jsonb_agg(images.id ORDER BY images.id) FROM images"
        " WHERE images.step_id = steps.id), '[]')"
        " FROM runs WHERE runs.id = steps.run_id"
    )
    _index("ix_steps_turns", ["project_id", sa.text("priority DESC"), "run_id", "id"], "status = 'QUEUED'")
    _index("ix_steps_due_at", ["due_at"], "status = 'WAITING'")
    _index("ix_steps_parent_id", ["parent_id"], "parent_id IS NOT NULL")
    _index("ix_steps_cache", ["project_id", "cache_key", "id"], "status = 'SUCCEEDED'")


def _index(name: str, columns: list[object], where: str) -> None:
    op.create_index(name, "steps", columns, unique=False, postgresql_where=sa.text(where))


def _workflow_versions() -> None:
    _add("workflow_versions", "created_at", _MOMENT, "now()")
    _add("workflow_versions", "created_by", sa.Text(), "'unknown'")
    op.execute(
        "UPDATE workflow_versions SET created_at = workflows.updated_at"
        " FROM workflows WHERE workflows.id = workflow_versions.workflow_id"
    )
    op.create_index("ix_workflow_versions_workflow_id_id", "workflow_versions", ["workflow_id", "id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_workflow_versions_workflow_id_id", table_name="workflow_versions")
    for name in ("created_by", "created_at"):
        op.drop_column("workflow_versions", name)
    for name in ("ix_steps_cache", "ix_steps_parent_id", "ix_steps_due_at", "ix_steps_turns"):
        op.drop_index(name, table_name="steps")
    for name in (
        "claim", "due_at", "form", "cache_key", "provider", "reported", "share", "image_ids", "reserved", "priority",
        "given", "parent_id",
    ):  # fmt: skip
        op.drop_column("steps", name)
    op.drop_index("ix_runs_deadline", table_name="runs")
    for name in ("deadline", "max_credits", "reserved", "progress", "steps_waiting", "fresh", "seed", "prompts"):
        op.drop_column("runs", name)
    op.drop_table("circuits")
