"""The statements that entities are read and written with; each is built once, as building takes longer than running."""

from collections.abc import Callable
from dataclasses import fields
from enum import Enum
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Delete,
    Insert,
    Integer,
    Select,
    Table,
    Update,
    any_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONPATH

from domain.ids import Id
from domain.ports import Given, Holding
from storage.columns import EntityId, to_json
from storage.tables import FIXED, TABLES

_COLUMNS = {
    kind: [table.c[field.name] for field in fields(kind) if field.name in table.c] for kind, table in TABLES.items()
}
_SELECTS = {kind: select(*columns) for kind, columns in _COLUMNS.items()}
# When a row was read, by the database's clock: the last of what `reading` selects.
_CLOCK = func.clock_timestamp().label("_clock")


def columns_of(kind: type) -> list[Any]:
    """The columns that hold an entity's fields, in their order."""
    return _COLUMNS[kind]


def select_of(kind: type) -> Select[Any]:
    """The query for whole rows."""
    return _SELECTS[kind]


def visible(table: Table, organization_id: Id, projects: frozenset[Id] | None) -> list[ColumnElement[bool]]:
    """Rows of other organizations do not exist; nor do those of other projects where only some are in reach."""
    return _within(table, organization_id, None if projects is None else _any_of(sorted(projects)))


def _any_of(projects: list[Id]) -> ColumnElement[Any]:
    return bindparam(None, projects, ARRAY(EntityId))


def _within(table: Table, organization_id: Any, projects: ColumnElement[Any] | None) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if "organization_id" in table.c:
        found.append(table.c.organization_id == organization_id)
    elif table.name == "organizations":
        found.append(table.c.id == organization_id)
    column = project_column(table)
    if projects is not None and column is not None:
        found.append(column == any_(projects))
    return found


def project_column(table: Table) -> ColumnElement[Any] | None:
    """The column that says which project a row belongs to; None where rows belong to the organization."""
    if "project_id" in table.c:
        return table.c.project_id
    return table.c.id if table.name == "projects" else None


class Match(Enum):
    """How a column is compared: with one value, with any of several, with NULL or with all else."""

    ONE = "one"
    ANY = "any"
    NULL = "null"
    GIVEN = "given"
    HOLDING = "holding"

    @classmethod
    def of(cls, value: Any) -> "Match":
        if isinstance(value, Holding):
            return cls.HOLDING
        if isinstance(value, Given):
            return cls.GIVEN
        return cls.ANY if isinstance(value, list) else cls.NULL if value is None else cls.ONE


class Take(Enum):
    """Which of the rows that match are read."""

    ALL = "all"
    SOME = "some"
    NEWEST = "newest"
    LOCKED = "locked"


def reading(
    kind: type,
    organization_id: Id,
    projects: frozenset[Id] | None,
    equals: dict[str, Any],
    take: Take,
    most: int | None = None,
) -> tuple[Select[Any], dict[str, Any]]:
    """The query for what is visible of the rows whose fields equal these, oldest first, and its values."""
    matches = tuple((name, Match.of(value)) for name, value in equals.items())
    within: dict[str, Any] = {"in_organization": organization_id, "most": most}
    if projects is not None:
        within["in_projects"] = sorted(projects)
    values = {name: _path_to(value) if isinstance(value, Holding) else value for name, value in equals.items()}
    return _reading(kind, matches, projects is not None, take), {**values, **within}


def _path_to(held: Holding) -> str:
    return f"$.* ? (@ == {to_json(held.value)})"


@cache
def _reading(kind: type, matches: tuple[tuple[str, Match], ...], confined: bool, take: Take) -> Select[Any]:  # noqa: FBT001 - a key
    table = TABLES[kind]
    wanted = [_COMPARE[match](table.c[name]) for name, match in matches]
    projects = bindparam("in_projects", type_=ARRAY(EntityId)) if confined else None
    within = _within(table, bindparam("in_organization"), projects)
    query = _SELECTS[kind].add_columns(_CLOCK).where(*wanted, *within)
    match take:
        case Take.ALL:
            return query.order_by(table.c.id)
        case Take.SOME:
            return query.order_by(table.c.id).limit(bindparam("most", type_=Integer))
        case Take.NEWEST:
            return query.order_by(table.c.id.desc()).limit(1)
        case Take.LOCKED:
            return query.order_by(table.c.id).limit(bindparam("most", type_=Integer)).with_for_update()


_COMPARE: dict[Match, Callable[[Any], ColumnElement[bool]]] = {
    Match.ONE: lambda column: column == bindparam(column.name),
    Match.ANY: lambda column: column.in_(bindparam(column.name, expanding=True)),
    Match.HOLDING: lambda column: column.op("@?")(bindparam(column.name, type_=JSONPATH)),
    Match.NULL: lambda column: column.is_(None),
    Match.GIVEN: lambda column: column.is_not(None),
}


def inserting(kind: type, entities: list[Any]) -> tuple[Insert, list[dict[str, Any]]]:
    names = [column.name for column in columns_of(kind)]
    return _insert(kind), [{name: getattr(entity, name) for name in names} for entity in entities]


def updating(kind: type, entities: list[Any]) -> tuple[Update, list[dict[str, Any]]]:
    """Writes what can change of a row."""
    names = [name for column in columns_of(kind) if (name := column.name) not in FIXED.get(kind, _KEYS)]
    rows = [{"row_id": entity.id, **{name: getattr(entity, name) for name in names}} for entity in entities]
    return _update(kind), rows


def deleting(kind: type, entities: list[Any]) -> tuple[Delete, list[dict[str, Any]]]:
    return _delete(kind), [{"row_id": entity.id} for entity in entities]


_KEYS = frozenset({"id", "organization_id"})


@cache
def _insert(kind: type) -> Insert:
    return insert(TABLES[kind])


@cache
def _update(kind: type) -> Update:
    table = TABLES[kind]
    return update(table).where(table.c.id == bindparam("row_id"))


@cache
def _delete(kind: type) -> Delete:
    table = TABLES[kind]
    return delete(table).where(table.c.id == bindparam("row_id"))
