"""Who may do what in which project."""

from sqlalchemy import Column, Index, Integer, Table, Text, UniqueConstraint

from domain.permissions import Role
from storage.columns import MOMENT, choice
from storage.tables.shape import id_column, metadata, reference, required, tenant

members = Table(
    "members",
    metadata,
    id_column(),
    tenant(),
    reference("project_id", "projects"),
    required("subject", Text),
    Column("name", Text),
    required("role", choice(Role)),
    required("version", Integer),
    required("created_at", MOMENT),
    UniqueConstraint("project_id", "subject"),
    Index("ix_members_organization_id_subject", "organization_id", "subject"),
)
