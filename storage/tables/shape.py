"""What every table is made of."""

from typing import Any

from sqlalchemy import (
    Column,
    ForeignKey,
    MetaData,
)

from storage.columns import EntityId

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def id_column() -> Column[Any]:
    return Column("id", EntityId, primary_key=True)


def reference(name: str, table: str, *, null: bool = False, cascade: bool = False) -> Column[Any]:
    key = ForeignKey(f"{table}.id", ondelete="CASCADE" if cascade else None)
    return Column(name, EntityId, key, nullable=null)


def tenant() -> Column[Any]:
    return reference("organization_id", "organizations")


def required(name: str, kind: Any, **options: Any) -> Column[Any]:
    return Column(name, kind, nullable=False, **options)
