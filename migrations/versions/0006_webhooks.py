"""webhooks: endpoints, and deliveries on their way"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _endpoints()
    _deliveries()


def _endpoints() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("secret_version", sa.Integer(), nullable=False),
        sa.Column("rotations", postgresql.JSONB(), nullable=False),
        sa.Column("failing_since", _MOMENT, nullable=True),
        sa.Column("failed_at", _MOMENT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("deleted_at", _MOMENT, nullable=True),
        _key("webhook_endpoints", "organization_id", "organizations"),
        _key("webhook_endpoints", "project_id", "projects"),
        _key("webhook_endpoints", "run_id", "runs", cascade=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
    )
    living, of_runs = sa.text("run_id IS NULL AND deleted_at IS NULL"), sa.text("run_id IS NOT NULL")
    _index("webhook_endpoints", "project_id_id", ["project_id", "id"], living)
    _index("webhook_endpoints", "run_id", ["run_id"], of_runs)


def _deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("due_at", _MOMENT, nullable=False),
        sa.Column("response_status", sa.Integer(), nullable=True),
        sa.Column("response_excerpt", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("finished_at", _MOMENT, nullable=True),
        _key("webhook_deliveries", "organization_id", "organizations"),
        _key("webhook_deliveries", "project_id", "projects"),
        _key("webhook_deliveries", "endpoint_id", "webhook_endpoints", cascade=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
    )
    _index("webhook_deliveries", "endpoint_id_id", ["endpoint_id", "id"])
    _index("webhook_deliveries", "open", ["endpoint_id", "due_at", "id"], sa.text("status IN ('PENDING', 'SENDING')"))
    _index("webhook_deliveries", "sending", ["endpoint_id"], sa.text("status = 'SENDING'"))
    _index("webhook_deliveries", "created_at", ["created_at"])


def _key(table: str, column: str, other: str, *, cascade: bool = False) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}")
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=name, ondelete="CASCADE" if cascade else None)


def _index(table: str, name: str, columns: list[str], where: sa.TextClause | None = None) -> None:
    op.create_index(f"ix_{table}_{name}", table, columns, unique=False, postgresql_where=where)


def downgrade() -> None:
    op.drop_table("webhook_deliveries")
    op.drop_table("webhook_endpoints")
