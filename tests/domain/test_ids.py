"""Identifiers: UUIDv7, in the order they were made."""

from concurrent.futures import ThreadPoolExecutor
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given

from domain.ids import NO_ID, new_id, parse_id
from tests.domain.building import ANY_TEXT


def test_an_id_says_that_it_is_a_uuid_of_version_7() -> None:
    for id_ in (new_id() for _ in range(100)):
        assert (UUID(id_).version, UUID(id_).variant, len(id_)) == (7, RFC_4122, 36)
        assert id_ == id_.lower()


def test_ten_thousand_ids_are_in_the_order_they_were_made() -> None:
    made = [new_id() for _ in range(10_000)]
    assert made == sorted(set(made))


def test_threads_never_make_the_same_id() -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: new_id(), range(4_000)))
    assert len(set(made)) == len(made)


def test_an_id_is_read_in_capitals_too_and_in_no_other_form() -> None:
    id_ = new_id()
    for written in (id_, id_.upper(), id_.title()):
        assert parse_id(written) == id_
    for written in (
        id_.replace("-", ""),
        f"{{{id_}}}",
        f"urn:uuid:{id_}",
        f" {id_}",
        f"{id_}\n",
        id_.replace("-", "--"),
    ):
        assert parse_id(written) is None
    assert parse_id(NO_ID) == NO_ID


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "nobody",
        NO_ID[:-1],
        NO_ID + "0",
        "g" * 32,
        "\u0660" + NO_ID[1:],
        "\x00",
        "\ud800",
        None,
        5,
        b"x",
    ],
)
def test_what_is_no_id_names_nothing(text: str) -> None:
    assert parse_id(text) is None


@given(ANY_TEXT)
def test_any_text_is_read_or_names_nothing(text: str) -> None:
    found = parse_id(text)
    assert found is None or parse_id(found) == found
