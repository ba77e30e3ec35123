"""The GraphQL contract: its snapshot, and that it says what it means."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    build_schema,
    is_introspection_type,
    is_specified_scalar_type,
)
from strawberry.types import get_object_definition

from domain.commands import COMMANDS
from domain.errors import ErrorCode
from domain.permissions import INTERNAL, READS, Permission
from domain.ports import Command
from schema import schema
from schema.roots import Mutation

SNAPSHOT = Path(__file__).parents[2] / "schema" / "schema.graphql"
BUILT = build_schema(schema.as_str())


def test_the_snapshot_is_the_schema() -> None:
    assert SNAPSHOT.read_text() == schema.as_str() + "\n", "the schema has changed: run ./easel schema, look it over"


def test_everything_public_has_a_description() -> None:
    silent = [name for name, description in _described() if not (description or "").strip()]
    assert silent == [], "describe these in schema/, arguments and inputs in schema/descriptions.py"


def test_a_description_is_a_sentence() -> None:
    assert [name for name, description in _described() if description and description.rstrip()[-1] not in ".!?`"] == []


def _described() -> Iterator[tuple[str, str | None]]:
    """Every public type, field, argument and input field with its description."""
    for type_ in BUILT.type_map.values():
        if is_introspection_type(type_) or is_specified_scalar_type(type_):
            continue
        yield type_.name, type_.description
        for field_name, field in getattr(type_, "fields", {}).items():
            yield f"{type_.name}.{field_name}", field.description
            for name, argument in getattr(field, "args", {}).items():
                yield f"{type_.name}.{field_name}({name}:)", argument.description


def test_every_error_code_is_in_the_contract_and_no_other() -> None:
    codes = BUILT.type_map["ErrorCode"]
    assert isinstance(codes, GraphQLEnumType)
    assert set(codes.values) == set(ErrorCode)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_every_command_that_changes_something_has_a_mutation_or_is_internal(command: type[Command[object]]) -> None:
    permission: Permission = COMMANDS[command][0]
    assert (command.__name__ in _commands_of_mutations()) is (permission not in INTERNAL | READS)


def _commands_of_mutations() -> set[str]:
    resolvers = (field.base_resolver for field in get_object_definition(Mutation, strict=True).fields)
    return {resolver.wrapped_func.__name__ for resolver in resolvers if resolver}


def _inputs_of_mutations() -> set[str]:
    assert BUILT.mutation_type
    return {str(field.args["input"].type).rstrip("!") for field in BUILT.mutation_type.fields.values()}


def test_every_mutation_takes_one_input_that_can_be_repeated_safely() -> None:
    assert BUILT.mutation_type
    for field in BUILT.mutation_type.fields.values():
        assert list(field.args) == ["input"]
    for name in _inputs_of_mutations():
        input_ = BUILT.type_map[name]
        assert isinstance(input_, GraphQLInputObjectType)
        assert "clientMutationId" in input_.fields
