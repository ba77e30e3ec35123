"""generation jobs: workflows that Easel brings along, runs for the sake of something, answers kept as they were"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("workflows", sa.Column("built_in", sa.Text(), nullable=True))
    op.create_index(
        "uq_workflows_project_id_built_in",
        "workflows",
        ["project_id", "built_in"],
        unique=True,
        postgresql_where=sa.text("built_in IS NOT NULL"),
    )
    op.add_column("runs", sa.Column("purpose", sa.String(32), nullable=True))
    op.add_column("runs", sa.Column("node_settings", postgresql.JSONB(), nullable=False, server_default="{}"))
    op.alter_column("runs", "node_settings", server_default=None)
    for name in ("refusal", "response"):
        op.add_column("idempotency_keys", sa.Column(name, postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    for name in ("response", "refusal"):
        op.drop_column("idempotency_keys", name)
    op.drop_column("runs", "node_settings")
    op.drop_column("runs", "purpose")
    op.drop_index("uq_workflows_project_id_built_in", table_name="workflows")
    op.drop_column("workflows", "built_in")
