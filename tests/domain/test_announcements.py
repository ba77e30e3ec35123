"""When announcements begin and end, and what is told of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.announcements import EVERYBODY, Announce, Announcement
from domain.errors import InvalidInput
from domain.events import EVENTS, Event

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def scheduled(**more: Any) -> Announcement:
    """From one to two o'clock."""
    return Announcement(
        **{"level": "info", "message": "Hello", "starts_at": NOON + HOUR, "ends_at": NOON + 2 * HOUR, **more}
    )


def names(told: list[Event]) -> list[tuple[str, int]]:
    return [(event.event, event.version) for event in told]


def test_nothing_is_told_before_its_time_and_each_thing_once() -> None:
    one = scheduled()
    assert one.catch_up(NOON) == []
    assert names(one.catch_up(NOON + HOUR)) == [("announcement.started", 2)]
    assert one.catch_up(NOON + HOUR) == []
    assert names(one.catch_up(NOON + 2 * HOUR)) == [("announcement.ended", 3)]
    assert one.catch_up(NOON + 3 * HOUR) == one.end(NOON + 3 * HOUR) == []
    assert one.version == 3


def test_whoever_comes_after_all_was_over_tells_both_in_order() -> None:
    assert names(scheduled().catch_up(NOON + 3 * HOUR)) == [("announcement.started", 2), ("announcement.ended", 3)]


def test_one_that_is_ended_early_ends_then() -> None:
    one = scheduled()
    one.catch_up(NOON + HOUR)
    (told,) = one.end(NOON + HOUR * 1.5)
    assert (told.event, told.payload["endsAt"]) == ("announcement.ended", "2026-12-01T13:30:00.000Z")


def test_one_that_is_called_off_before_it_begins_is_told_to_nobody() -> None:
    one = scheduled()
    assert one.end(NOON) == []
    assert one.catch_up(NOON + 3 * HOUR) == []
    assert (one.ended_at, one.started_at, one.version) == (NOON, None, 2)


def test_one_whose_time_has_come_untold_is_told_as_it_is_ended() -> None:
    assert names(scheduled().end(NOON + HOUR * 1.5)) == [("announcement.started", 2), ("announcement.ended", 3)]


def test_what_is_told_is_its_plain_fields_and_addressed_to_everybody() -> None:
    one = scheduled(ends_at=None)
    (told,) = one.catch_up(NOON + HOUR)
    assert told.payload == {
        "id": one.id,
        "level": "info",
        "message": "Hello",
        "startsAt": "2026-12-01T13:00:00.000Z",
        "endsAt": None,
        "version": 2,
    }
    assert (told.project_id, told.channel, told.subject_type) == (EVERYBODY, "announcements", "Announcement")
    assert (told.subject_id, told.run_id) == (one.id, None)


def test_webhooks_are_not_told_of_announcements() -> None:
    assert not [name for name in EVENTS if name.startswith("announcement")]


@pytest.mark.parametrize("message", ["", "   ", "x" * 2_001, "a\nb", "a\tb", "a\x00b", "a\x85b", "\x7f", "\ud800"])
def test_a_message_is_one_line_of_so_many_characters(message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Announce(level="info", message=message)
    assert refused.value.details == {"field": "message"}


@pytest.mark.parametrize("message", ["x", "x" * 2_000, "🎬" * 2_000, "Ça ferme à 20 h"])
def test_any_other_message_can_be_told(message: str) -> None:
    assert Announce(level="critical", message=message).message == message


@pytest.mark.parametrize("level", ["", "INFO", "fatal", "info "])
def test_a_level_is_one_of_three(level: str) -> None:
    with pytest.raises(InvalidInput, match="info, warning, critical") as refused:
        Announce(level=level, message="x")
    assert refused.value.details == {"field": "level"}
