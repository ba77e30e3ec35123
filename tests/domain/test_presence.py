"""What somebody may say of what they look at."""

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.errors import DomainError, ErrorCode
from domain.ids import new_id
from domain.presence import STATE_BYTES, Presence, plain, require_state


def test_a_presence_is_told_without_its_project_in_the_words_of_the_wire() -> None:
    connection, since = new_id(), datetime(2026, 1, 31, 12, tzinfo=UTC)
    state = {"node_id": {"at": [1]}}
    one = Presence(
        connection_id=connection, project_id=new_id(), subject="ada", name=None, state=state, since=since, version=3
    )
    assert plain(one) == {
        "connectionId": connection,
        "subject": "ada",
        "name": None,
        "state": state,
        "since": "2026-01-31T12:00:00.000Z",
        "version": 3,
    }


def test_a_state_may_be_as_large_as_its_compact_json_says() -> None:
    frame = len('{"k":""}')
    for fits in ("x" * (STATE_BYTES - frame), "é" * ((STATE_BYTES - frame) // 2), "日" * ((STATE_BYTES - frame) // 3)):
        assert require_state({"k": fits}) == {"k": fits}


@pytest.mark.parametrize(
    "state",
    [
        None,
        [],
        "at work",
        7,
        {"k": "x" * STATE_BYTES},
        {"k": "é" * (STATE_BYTES // 2)},
        {"k": '"' * (STATE_BYTES // 2)},
        {"k": "x" * 100_000},
        {"k": float("nan")},
        {"k": float("-inf")},
        {"k": 2**64},
        {"k\x00": 1},
        {"k": "\ud800"},
    ],
    ids=lambda state: str(ascii(state))[:20],
)
def test_a_state_that_cannot_be_told_is_refused(state: Any) -> None:
    with pytest.raises(DomainError) as refused:
        require_state(state)
    assert (refused.value.code, refused.value.details) == (ErrorCode.VALIDATION_ERROR, {"field": "state"})
