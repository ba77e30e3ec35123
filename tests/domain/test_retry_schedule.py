"""When a message is tried again, and when no more."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.retry_schedule import DELAYS, LONGEST_WAIT, SPREAD, Outcome, asked_wait, has_failed_too_long, judge

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FAILURES = (None, 100, 199, 300, 301, 307, 400, 401, 403, 404, 409, 429, 500, 502, 503, 504, 599)


def wait_after(
    attempt: int, *, status: int | None = 500, retry_after: str | None = None, jitter: float = 0
) -> timedelta:
    verdict = judge(attempt, status, retry_after, NOW, jitter)
    assert verdict.outcome is Outcome.RETRY
    assert verdict.next_attempt_at is not None
    return verdict.next_attempt_at - NOW


def test_a_message_that_fails_is_tried_eight_times_in_a_good_day() -> None:
    waits = [wait_after(attempt) for attempt in range(1, 8)]
    seconds, minutes, hours = [5], [5, 30], [2, 5, 10, 10]
    assert waits == [
        *(timedelta(seconds=each) for each in seconds),
        *(timedelta(minutes=each) for each in minutes),
        *(timedelta(hours=each) for each in hours),
    ]
    assert DELAYS[0] == timedelta(0)
    assert judge(8, 500, None, NOW, 0).outcome is Outcome.GIVEN_UP
    assert judge(800, None, "5", NOW, 1).outcome is Outcome.GIVEN_UP


@pytest.mark.parametrize("status", FAILURES)
def test_whatever_is_no_success_is_tried_again(status: int | None) -> None:
    assert wait_after(1, status=status) == timedelta(seconds=5)


@pytest.mark.parametrize("attempt", [1, 7, 8, 9])
@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_what_was_taken_is_not_sent_again(attempt: int, status: int) -> None:
    verdict = judge(attempt, status, "30", NOW, 0.5)
    assert (verdict.outcome, verdict.next_attempt_at) == (Outcome.DELIVERED, None)


@pytest.mark.parametrize("attempt", [1, 8])
def test_an_endpoint_that_says_it_is_gone_is_sent_nothing_more(attempt: int) -> None:
    verdict = judge(attempt, 410, "30", NOW, 0.5)
    assert (verdict.outcome, verdict.next_attempt_at) == (Outcome.ENDPOINT_GONE, None)


@given(st.integers(1, 7), st.floats(0, 1))
def test_what_failed_together_does_not_come_back_together(attempt: int, jitter: float) -> None:
    assert DELAYS[attempt] <= wait_after(attempt, jitter=jitter) <= DELAYS[attempt] * (1 + SPREAD)
    assert wait_after(attempt, jitter=0.2) < wait_after(attempt, jitter=0.9)


@pytest.mark.parametrize(
    ("attempt", "retry_after", "wait"),
    [
        (1, "60", timedelta(seconds=60)),
        (1, " 60 ", timedelta(seconds=60)),
        (1, "1", timedelta(seconds=5)),
        (7, "60", timedelta(hours=10)),
        (1, "86401", timedelta(days=1)),
        (1, "9" * 64, timedelta(days=1)),
        (1, format_datetime(NOW + timedelta(hours=1), usegmt=True), timedelta(hours=1)),
        (1, format_datetime(NOW + timedelta(days=400), usegmt=True), timedelta(days=1)),
        (1, format_datetime(NOW - timedelta(hours=1), usegmt=True), timedelta(seconds=5)),
        (1, "Sat, 21 Nov 2026 13:00:00 -0000", timedelta(hours=1)),
        (1, "Sat, 21 Nov 2026 15:00:00 +0200", timedelta(hours=1)),
    ],
)
def test_a_receiver_may_ask_for_more_patience_up_to_a_day(attempt: int, retry_after: str, wait: timedelta) -> None:
    assert wait_after(attempt, status=503, retry_after=retry_after) == wait


@pytest.mark.parametrize("retry_after", [None, "", "soon", "-5", "1.5", "nan", "inf", "٣", "1e9", "Sat, 99 Nov 2026"])
def test_a_wait_that_cannot_be_read_is_none(retry_after: str | None) -> None:
    assert asked_wait(retry_after, NOW) == timedelta(0)


DATES = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Sat", "", "x"]),
    st.integers(-1, 40),
    st.sampled_from(["Nov", "Foo", "Feb"]),
    st.integers(-1, 100_000),
    st.integers(0, 99),
    st.integers(0, 99),
    st.integers(0, 99),
    st.sampled_from(["GMT", "+9999", "-9999", "-0000", "EST", ""]),
)


@given(st.text() | DATES | st.integers().map(str))
def test_whatever_the_header_says_the_wait_is_bounded(retry_after: str) -> None:
    assert timedelta(0) <= asked_wait(retry_after, NOW) <= LONGEST_WAIT


@pytest.mark.parametrize(
    ("failing_since", "too_long"),
    [
        (None, False),
        (NOW, False),
        (NOW - timedelta(days=5) + timedelta(seconds=1), False),
        (NOW - timedelta(days=5), True),
        (NOW - timedelta(days=50), True),
    ],
)
def test_an_endpoint_that_takes_nothing_for_five_days_is_disabled(
    failing_since: datetime | None,
    too_long: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert has_failed_too_long(failing_since, NOW) is too_long
