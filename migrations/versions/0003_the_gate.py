"""the gate: keys with limits, and when they were last used"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("rate_limit_per_hour", sa.Integer(), nullable=False, server_default="100"))
    op.add_column("api_keys", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("api_keys", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    for name in ("rate_limit_per_hour", "version"):
        op.alter_column("api_keys", name, server_default=None)
    op.create_index("ix_api_keys_organization_id_id", "api_keys", ["organization_id", "id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_api_keys_organization_id_id", table_name="api_keys")
    for name in ("last_used_at", "version", "rate_limit_per_hour"):
        op.drop_column("api_keys", name)
