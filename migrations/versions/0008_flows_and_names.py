"""flows, names of images, and bytes that nobody needs any more"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "flows",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("aliases", postgresql.JSONB(), nullable=False),
        sa.Column("meta", postgresql.JSONB(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_flows_organization_id")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_flows_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flows")),
    )
    op.create_index("ix_flows_project_id_id", "flows", ["project_id", "id"], unique=False)
    ops = {"aliases": "jsonb_path_ops"}
    op.create_index("ix_flows_aliases", "flows", ["aliases"], postgresql_using="gin", postgresql_ops=ops)
    op.create_table(
        "discarded",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("storage_key", sa.Text(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_discarded_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_discarded")),
    )
    op.add_column("images", sa.Column("flow_id", sa.Uuid(), nullable=True))
    _index("ix_images_flow_id_id", ["flow_id", "id"], "flow_id IS NOT NULL", unique=False)
    _index("uq_images_project_id_alias", ["project_id", "alias"], "alias IS NOT NULL", unique=True)


def _index(name: str, columns: list[str], where: str, *, unique: bool) -> None:
    op.create_index(name, "images", columns, unique=unique, postgresql_where=sa.text(where))


def downgrade() -> None:
    op.drop_index("uq_images_project_id_alias", table_name="images")
    op.drop_index("ix_images_flow_id_id", table_name="images")
    op.drop_column("images", "flow_id")
    op.drop_table("discarded")
    op.drop_table("flows")
