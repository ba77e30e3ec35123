"""generations, live scopes, direct uploads, and bytes that can change behind an address that stays"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _live_scopes()
    _live_visits()
    _generations()
    _image_uploads()
    _leftovers()
    op.add_column("images", sa.Column("object_key", sa.Text(), nullable=True))
    op.execute("UPDATE images SET object_key = storage_key")
    op.alter_column("images", "object_key", nullable=False)
    op.add_column("images", sa.Column("generation_id", sa.Uuid(), nullable=True))
    op.add_column("images", sa.Column("live_scope_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_images_generation_id"), "images", "generations", ["generation_id"], ["id"])
    _partial_index("images", "live_scope_id", "id")
    op.create_index(
        "ix_images_project_id_source_id",
        "images",
        ["project_id", "source", "id"],
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_constraint("fk_images_api_key_id", "images", type_="foreignkey")
    op.create_index("ix_images_object_key", "images", ["object_key"], unique=False)
    _image_variants()
    op.alter_column("discarded", "storage_key", new_column_name="object_key")
    op.alter_column("discarded", "at", new_column_name="due_at")


def _live_scopes() -> None:
    op.create_table(
        "live_scopes",
        *_of_a_project("live_scopes"),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("allow_new_generations", sa.Boolean(), nullable=False),
        sa.Column("new_generations_limit", sa.Integer(), nullable=False),
        sa.Column("current_generations", sa.Integer(), nullable=False),
        sa.Column("last_generated_at", _MOMENT, nullable=True),
        sa.Column("when_spent", sa.String(length=32), nullable=False),
        sa.Column("made_by_visitor", sa.Boolean(), nullable=False),
        *_changing(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_live_scopes")),
        sa.UniqueConstraint("project_id", "slug", name=op.f("uq_live_scopes_project_id_slug")),
    )
    op.create_index("ix_live_scopes_project_id_id", "live_scopes", ["project_id", "id"], unique=False)


def _live_visits() -> None:
    op.create_table(
        "live_visits",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("visited", sa.Uuid(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_live_visits")),
    )
    op.create_index("ix_live_visits_address_at", "live_visits", ["address", "at"], unique=False)
    op.create_index("ix_live_visits_visited_at", "live_visits", ["visited", "at"], unique=False)


def _generations() -> None:
    op.create_table(
        "generations",
        *_of_a_project("generations"),
        sa.Column("flow_id", sa.Uuid(), nullable=True),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("api_key_id", sa.Uuid(), nullable=True),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("original_prompt", sa.Text(), nullable=False),
        sa.Column("auto_enhance", sa.Boolean(), nullable=False),
        sa.Column("template", sa.String(length=32), nullable=True),
        sa.Column("aspect_ratio", sa.Text(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("output_image_id", sa.Uuid(), nullable=True),
        sa.Column("reference_image_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("alias", sa.Text(), nullable=True),
        sa.Column("flow_alias", sa.Text(), nullable=True),
        sa.Column("live_scope_id", sa.Uuid(), nullable=True),
        sa.Column("live_key", sa.Text(), nullable=True),
        sa.Column("is_counted", sa.Boolean(), nullable=False),
        sa.Column("retry_count", sa.Integer(), nullable=False),
        sa.Column("error", postgresql.JSONB(), nullable=True),
        sa.Column("processing_time_ms", sa.Float(), nullable=True),
        sa.Column("cost", sa.Numeric(precision=20, scale=6), nullable=True),
        sa.Column("began_at", _MOMENT, nullable=False),
        *_changing(),
        sa.Column("deleted_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_generations_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_generations")),
    )
    op.create_index("ix_generations_project_id_id", "generations", ["project_id", "id"], unique=False)
    _partial_index("generations", "flow_id", "id")
    _partial_index("generations", "run_id")
    _partial_index("generations", "alias", "project_id")
    _partial_index("generations", "live_scope_id", "id")
    op.create_index(
        "uq_generations_live_scope_id_live_key",
        "generations",
        ["live_scope_id", "live_key"],
        unique=True,
        postgresql_where=sa.text("live_scope_id IS NOT NULL AND deleted_at IS NULL"),
    )


def _leftovers() -> None:
    op.create_table(
        "leftovers",
        *_of_a_project("leftovers"),
        sa.Column("of", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leftovers")),
    )


def _image_uploads() -> None:
    op.create_table(
        "image_uploads",
        *_of_a_project("image_uploads"),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("mime_type", sa.Text(), nullable=False),
        sa.Column("file_size", sa.BigInteger(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=True),
        sa.Column("flow_id", sa.Uuid(), nullable=True),
        sa.Column("flow_alias", sa.Text(), nullable=True),
        sa.Column("meta", postgresql.JSONB(), nullable=False),
        sa.Column("image_id", sa.Uuid(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_image_uploads")),
    )
    op.create_index("ix_image_uploads_expires_at", "image_uploads", ["expires_at"], unique=False)


def _image_variants() -> None:
    op.create_unique_constraint(op.f("uq_images_id_file_hash"), "images", ["id", "file_hash"])
    op.create_table(
        "image_variants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("image_id", sa.Uuid(), nullable=True),
        sa.Column("file_hash", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("mime_type", sa.Text(), nullable=False),
        sa.Column("variant_size", sa.BigInteger(), nullable=False),
        sa.Column("variant_hash", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id", "file_hash"],
            ["images.id", "images.file_hash"],
            name=op.f("fk_image_variants_image_id"),
            onupdate="SET NULL",
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_image_variants")),
        sa.UniqueConstraint("object_key", name=op.f("uq_image_variants_object_key")),
        sa.UniqueConstraint("image_id", "file_hash", "name", name=op.f("uq_image_variants_image_id_file_hash_name")),
    )
    op.create_index(
        "ix_image_variants_id",
        "image_variants",
        ["id"],
        unique=False,
        postgresql_where=sa.text("image_id IS NULL"),
    )


def _of_a_project(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f(f"fk_{table}_organization_id")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f(f"fk_{table}_project_id")),
    ]


def _changing() -> list[sa.Column[object]]:
    return [
        sa.Column("meta", postgresql.JSONB(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
    ]


def _partial_index(table: str, *columns: str) -> None:
    name = f"ix_{table}_{'_'.join(columns)}"
    op.create_index(name, table, list(columns), unique=False, postgresql_where=sa.text(f"{columns[0]} IS NOT NULL"))


def downgrade() -> None:
    op.alter_column("discarded", "due_at", new_column_name="at")
    op.alter_column("discarded", "object_key", new_column_name="storage_key")
    op.drop_index("ix_images_project_id_source_id", table_name="images")
    op.drop_table("image_variants")
    op.drop_constraint(op.f("uq_images_id_file_hash"), "images")
    op.create_foreign_key(op.f("fk_images_api_key_id"), "images", "api_keys", ["api_key_id"], ["id"])
    for column in ("live_scope_id", "generation_id", "object_key"):
        op.drop_column("images", column)
    for table in ("leftovers", "image_uploads", "generations", "live_scopes", "live_visits"):
        op.drop_table(table)
