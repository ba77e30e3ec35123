"""Credits: what each organization has, and every entry that led there."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text

from domain.accounts import EntryKind
from storage.columns import CREDITS, MOMENT, EntityId, choice
from storage.tables.shape import id_column, metadata, required, tenant

accounts = Table(
    "accounts",
    metadata,
    Column("id", EntityId, ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True),
    tenant(),
    required("available", CREDITS),
    required("held", CREDITS),
    required("plan", Text),
    Column("monthly_quota", CREDITS),
    required("month", Text),
    required("spent_in_month", CREDITS),
    required("version", Integer),
    CheckConstraint("available >= 0", name="ck_accounts_available"),
    CheckConstraint("held >= 0", name="ck_accounts_held"),
)
ledger = Table(
    "ledger",
    metadata,
    id_column(),
    tenant(),
    Column("project_id", EntityId),
    required("kind", choice(EntryKind)),
    required("amount", CREDITS),
    required("balance_after", CREDITS),
    required("key", Text),
    Column("run_id", EntityId),
    Column("step_id", EntityId),
    Column("note", Text),
    required("at", MOMENT),
    Index("uq_ledger_organization_id_key", "organization_id", "key", unique=True),
    Index("ix_ledger_organization_id_id", "organization_id", "id"),
    Index("ix_ledger_organization_id_at", "organization_id", "at"),
)
