"""A room: whatever order news and comparisons come in, the newest is what it shows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.ids import Id, new_id
from domain.presence import Presence
from streams.presence.room import PresenceChange, Room

PROJECT = new_id()
MORNING = datetime(2026, 1, 1, 8, tzinfo=UTC)


def someone(subject: str, minute: int = 0, version: int = 1) -> Presence:
    return Presence(
        connection_id=Id(subject),
        project_id=PROJECT,
        subject=subject,
        name=None,
        state={"version": version},
        since=MORNING + timedelta(minutes=minute),
        version=version,
    )


@pytest.fixture
def room() -> Room:
    return Room(PROJECT)


@pytest.fixture
def told(room: Room) -> list[tuple[str, str, int]]:
    found: list[tuple[str, str, int]] = []

    def tell(change: PresenceChange) -> None:
        found.append((change.kind, change.presence.subject, change.presence.version))

    room.listeners.add(tell)
    return found


def test_those_heard_of_late_stand_where_they_came(room: Room) -> None:
    for minute in (3, 1, 2, 5, 4):
        room.take(someone(f"at {minute}", minute))
    room.take(someone("at 1", 1, version=2))
    assert list(room.members) == ["at 1", "at 2", "at 3", "at 4", "at 5"]


def test_older_news_change_nothing(room: Room, told: list[tuple[str, str, int]]) -> None:
    for version in (2, 1, 2, 3, 1):
        room.take(someone("ada", version=version))
    assert told == [("joined", "ada", 2), ("updated", "ada", 3)]


def test_what_was_said_before_leaving_brings_nobody_back(room: Room, told: list[tuple[str, str, int]]) -> None:
    room.take(someone("ada", version=1))
    room.leave(someone("ada", version=3))
    room.take(someone("ada", version=2))
    room.compare([someone("ada", version=1)], complete=True)
    assert told == [("joined", "ada", 1), ("left", "ada", 1)]
    room.take(someone("ada", version=4))
    assert told[2:] == [("joined", "ada", 4)]


def test_a_leaving_that_is_heard_first_counts(room: Room, told: list[tuple[str, str, int]]) -> None:
    room.leave(someone("ada", version=2))
    room.take(someone("ada", version=1))
    assert (room.members, told) == ({}, [])


def test_a_leaving_that_is_older_than_the_coming_back_does_not_count(room: Room) -> None:
    room.take(someone("ada", version=3))
    room.leave(someone("ada", version=2))
    assert list(room.members) == ["ada"]


def test_comparing_tells_what_differs(room: Room, told: list[tuple[str, str, int]]) -> None:
    for subject in ("ada", "bob", "eve"):
        room.take(someone(subject))
    told.clear()
    room.begin_comparing()
    room.compare([someone("ada"), someone("bob", version=2), someone("zoe", minute=1)], complete=True)
    assert told == [("left", "eve", 1), ("updated", "bob", 2), ("joined", "zoe", 1)]


def test_what_was_heard_while_it_was_read_is_newer_than_what_was_read(
    room: Room, told: list[tuple[str, str, int]]
) -> None:
    room.take(someone("ada"))
    room.take(someone("bob"))
    room.begin_comparing()
    room.take(someone("eve"))
    room.leave(someone("bob", version=2))
    room.compare([someone("ada"), someone("bob")], complete=True)
    assert (list(room.members), told[3:]) == (["ada", "eve"], [("left", "bob", 1)])


def test_a_store_that_may_have_lost_some_sends_nobody_away(room: Room, told: list[tuple[str, str, int]]) -> None:
    room.take(someone("ada"))
    room.begin_comparing()
    room.compare([someone("bob")], complete=False)
    assert list(room.members) == ["ada", "bob"]
    room.begin_comparing()
    room.compare([someone("bob")], complete=True)
    assert list(room.members) == ["bob"]
    room.take(someone("ada"))  # missed, not left: the same words bring them back
    assert told[-1] == ("joined", "ada", 1)


def test_a_listener_may_go_while_it_is_told(room: Room) -> None:
    heard: list[str] = []

    def once(change: PresenceChange) -> None:
        heard.append(change.presence.subject)
        room.listeners.discard(once)

    room.listeners.add(once)
    room.take(someone("ada"))
    room.take(replace(someone("ada"), version=2))
    assert heard == ["ada"]
