"""the gate: keys with limits, and credits"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_CREDITS = sa.Numeric(20, 6)


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("rate_limit_per_hour", sa.Integer(), nullable=False, server_default="100"))
    op.add_column("api_keys", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("api_keys", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    for name in ("rate_limit_per_hour", "version"):
        op.alter_column("api_keys", name, server_default=None)
    op.create_index("ix_api_keys_organization_id_id", "api_keys", ["organization_id", "id"], unique=False)
    op.add_column("runs", sa.Column("held", _CREDITS, nullable=False, server_default="0"))
    op.alter_column("runs", "held", server_default=None)
    _accounts()
    _ledger()


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("available", _CREDITS, nullable=False),
        sa.Column("held", _CREDITS, nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("monthly_quota", _CREDITS, nullable=True),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("spent_in_month", _CREDITS, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("available >= 0", name="ck_accounts_available"),
        sa.CheckConstraint("held >= 0", name="ck_accounts_held"),
        sa.ForeignKeyConstraint(["id"], ["organizations.id"], name=op.f("fk_accounts_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_accounts_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
    )
    op.execute("INSERT INTO accounts SELECT id, id, 0, 0, 'default', NULL, '', 0, 1 FROM organizations")


def _ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("amount", _CREDITS, nullable=False),
        sa.Column("balance_after", _CREDITS, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("step_id", sa.Uuid(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_ledger_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger")),
    )
    op.create_index("uq_ledger_organization_id_key", "ledger", ["organization_id", "key"], unique=True)
    op.create_index("ix_ledger_organization_id_id", "ledger", ["organization_id", "id"], unique=False)
    op.create_index("ix_ledger_organization_id_at", "ledger", ["organization_id", "at"], unique=False)


def downgrade() -> None:
    op.drop_table("ledger")
    op.drop_table("accounts")
    op.drop_column("runs", "held")
    op.drop_index("ix_api_keys_organization_id_id", table_name="api_keys")
    for name in ("last_used_at", "version", "rate_limit_per_hour"):
        op.drop_column("api_keys", name)
