"""A backlog keeps everything while that is little, then the newest of each subject, and never more than its bounds."""

from collections.abc import Hashable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.sockets.backlog import MOST_BYTES, MOST_MESSAGES, Backlog, Overflow

Said = Sequence[tuple[Hashable, int]]
"""Of each message its subject and its size; what it says is its place."""


def _put_all(backlog: Backlog, said: Said) -> list[tuple[Hashable, bytes]]:
    """The messages that went in before it overflowed."""
    kept: list[tuple[Hashable, bytes]] = []
    for place, (subject, size) in enumerate(said):
        kept.append((subject, message := str(place).encode().ljust(size, b" ")))
        try:
            backlog.put((message[:1], message[1:]), subject)
        except Overflow:
            return kept[:-1]
    return kept


def _taken(backlog: Backlog) -> list[int]:
    return [int(b"".join(parts)) for parts in backlog.take_all()]


def test_what_never_exceeds_the_bounds_is_kept_whole_and_in_order() -> None:
    backlog = Backlog()
    _put_all(backlog, [("a run", 10)] * MOST_MESSAGES)
    assert _taken(backlog) == list(range(MOST_MESSAGES))
    assert not backlog


@pytest.mark.parametrize(("count", "size"), [(MOST_MESSAGES + 1, 10), (65, MOST_BYTES // 64)])
def test_one_message_too_many_leaves_the_newest_of_each_subject_in_order(count: int, size: int) -> None:
    backlog = Backlog()
    _put_all(backlog, [(place % 3, size) for place in range(count)])
    assert _taken(backlog) == list(range(count))[-3:]


def test_what_is_about_nothing_is_never_left_out() -> None:
    backlog = Backlog()
    _put_all(backlog, [(None if place % 10 == 0 else "a run", 10) for place in range(MOST_MESSAGES + 1)])
    assert _taken(backlog) == [*range(0, MOST_MESSAGES, 10), MOST_MESSAGES]


@pytest.mark.parametrize("size", [1, MOST_BYTES // MOST_MESSAGES])
def test_more_subjects_than_half_of_what_it_may_keep_overflow(size: int) -> None:
    backlog = Backlog()
    for place in range(MOST_MESSAGES):
        backlog.put((b"x" * size,), place)
    with pytest.raises(Overflow):
        backlog.put((b"x" * size,), MOST_MESSAGES)


def test_messages_about_nothing_overflow() -> None:
    backlog = Backlog()
    assert len(_put_all(backlog, [(None, 10)] * 1_000)) == MOST_MESSAGES


def test_one_message_may_be_of_any_size() -> None:
    backlog = Backlog()
    _put_all(backlog, [("a run", 10), ("a run", 3 * MOST_BYTES)])
    assert _taken(backlog) == [1]


def test_what_was_taken_makes_room() -> None:
    backlog = Backlog()
    for place in range(10 * MOST_MESSAGES):
        backlog.put((b"x" * (MOST_BYTES // 3),), place)
        assert backlog.take()
    assert not backlog


@given(st.lists(st.tuples(st.sampled_from([None, *range(40)]), st.integers(4, 40_000)), max_size=600))
def test_whatever_is_put_the_newest_of_each_subject_comes_out_in_order_within_the_bounds(said: Said) -> None:
    backlog = Backlog()
    accepted = _put_all(backlog, said)
    overflowed = len(accepted) < len(said)
    if not overflowed:
        assert len(backlog._waiting) <= max(1, MOST_MESSAGES)
        assert len(backlog._waiting) == 1 or backlog._bytes <= MOST_BYTES
        assert backlog._bytes == sum(one.size for one in backlog._waiting)
    taken = _taken(backlog)
    assert taken == sorted(set(taken))
    newest = {subject: place for place, (subject, _) in enumerate(said[: len(accepted) + overflowed])}
    assert {place for subject, place in newest.items() if subject is not None} <= set(taken)
    assert {place for place, (subject, _) in enumerate(accepted) if subject is None} <= set(taken)
