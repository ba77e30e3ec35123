"""What people make and keep: organizations, projects, workflows, assets."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from domain.assets import AssetType
from domain.graphs import Edge, Node
from domain.projects import ProjectSettings, ProjectStatus
from storage.columns import MOMENT, EntityId, Json, choice
from storage.tables.shape import id_column, metadata, reference, required, tenant

organizations = Table(
    "organizations",
    metadata,
    id_column(),
    required("slug", Text, unique=True),
    required("name", Text),
    required("version", Integer),
    required("created_at", MOMENT),
)
api_keys = Table(
    "api_keys",
    metadata,
    id_column(),
    tenant(),
    required("name", Text),
    required("prefix", Text, unique=True),
    required("secret_hash", LargeBinary),
    required("scopes", ARRAY(Text, as_tuple=True)),
    reference("project_id", "projects", null=True),
    reference("default_project_id", "projects", null=True),
    required("rate_limit_per_hour", Integer),
    required("version", Integer),
    required("created_at", MOMENT),
    Column("expires_at", MOMENT),
    Column("last_used_at", MOMENT),
    Column("revoked_at", MOMENT),
    Index("ix_api_keys_organization_id_id", "organization_id", "id"),
)
projects = Table(
    "projects",
    metadata,
    id_column(),
    tenant(),
    required("slug", Text),
    required("name", Text),
    required("status", choice(ProjectStatus)),
    required("settings", Json(ProjectSettings)),
    required("version", Integer),
    required("created_at", MOMENT),
    required("updated_at", MOMENT),
    UniqueConstraint("organization_id", "slug"),
)
project_sequences = Table(
    "project_sequences",
    metadata,
    Column("id", EntityId, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    tenant(),
    required("seq", BigInteger),
)
workflows = Table(
    "workflows",
    metadata,
    id_column(),
    tenant(),
    reference("project_id", "projects"),
    required("name", Text),
    Column("built_in", Text),
    required("nodes", Json(tuple[Node, ...])),
    required("edges", Json(tuple[Edge, ...])),
    required("version", Integer),
    required("created_at", MOMENT),
    required("updated_at", MOMENT),
    Index("ix_workflows_project_id_id", "project_id", "id"),
    Index(
        "uq_workflows_project_id_built_in",
        "project_id",
        "built_in",
        unique=True,
        postgresql_where=text("built_in IS NOT NULL"),
    ),
)
workflow_versions = Table(
    "workflow_versions",
    metadata,
    id_column(),
    tenant(),
    reference("project_id", "projects"),
    reference("workflow_id", "workflows", cascade=True),
    required("version", Integer),
    required("name", Text),
    required("nodes", Json(tuple[Node, ...])),
    required("edges", Json(tuple[Edge, ...])),
    required("created_at", MOMENT),
    required("created_by", Text),
    UniqueConstraint("workflow_id", "version"),
    Index("ix_workflow_versions_workflow_id_id", "workflow_id", "id"),
)
assets = Table(
    "assets",
    metadata,
    id_column(),
    tenant(),
    reference("project_id", "projects"),
    required("type", choice(AssetType)),
    required("label", Text),
    required("metadata", Json()),
    Column("content", Json()),
    required("version", Integer),
    required("created_at", MOMENT),
    required("updated_at", MOMENT),
    Index("ix_assets_project_id_id", "project_id", "id"),
)
