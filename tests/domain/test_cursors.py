"""Cursors of live streams: opaque, and no one else's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import DomainError, ErrorCode
from domain.ids import Id, new_id
from streams.feeds.cursors import Cursors
from tests.domain.building import ANY_TEXT, refusal

CURSORS = Cursors(b"k" * 32)
POSITIONS = st.dictionaries(st.uuids().map(lambda one: Id(str(one))), st.integers(0, 2**63 - 1), max_size=50)


def is_refused(cursor: str, cursors: Cursors = CURSORS) -> bool:
    with pytest.raises(DomainError) as refused:
        cursors.read(cursor)
    return refused.value.code is ErrorCode.CURSOR_EXPIRED


@given(POSITIONS)
def test_a_cursor_is_read_as_what_was_written(positions: dict[Id, int]) -> None:
    assert CURSORS.read(CURSORS.write(positions)) == positions


@given(ANY_TEXT)
def test_any_other_text_is_refused(text: str) -> None:
    assert is_refused(text)


@given(st.data())
def test_a_changed_cursor_never_says_anything_else(data: st.DataObject) -> None:
    written = {new_id(): 7}
    cursor = CURSORS.write(written)
    place = data.draw(st.integers(0, len(cursor) - 1))
    changed = cursor[:place] + data.draw(ANY_TEXT) + cursor[place + 1 :]
    refused = refusal(lambda: CURSORS.read(changed))
    assert refused.code is ErrorCode.CURSOR_EXPIRED if refused else CURSORS.read(changed) == written


def test_the_cursor_of_another_server_is_refused() -> None:
    assert is_refused(CURSORS.write({new_id(): 1}), Cursors(b"o" * 32))


def test_an_endless_cursor_is_refused() -> None:
    assert is_refused(CURSORS.write({new_id(): 1}) * 10_000)
