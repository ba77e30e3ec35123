"""What follows an attempt at delivery: nothing more, another attempt, or the end of the endpoint."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

# Before the first attempt, the second, and so on.
DELAYS = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=10),
)
LONGEST_WAIT = timedelta(days=1)
SPREAD = 0.2
DISABLED_AFTER = timedelta(days=5)

_GONE = 410
_LONGEST_HEADER = 64


class Outcome(StrEnum):
    DELIVERED = "DELIVERED"
    RETRY = "RETRY"
    GIVEN_UP = "GIVEN_UP"
    ENDPOINT_GONE = "ENDPOINT_GONE"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`next_attempt_at` is there for RETRY alone."""

    outcome: Outcome
    next_attempt_at: datetime | None = None


def judge(attempt: int, status: int | None, retry_after: str | None, now: datetime, jitter: float) -> Verdict:
    """
    What becomes of a message after its attempt number 1, 2, …; `status` is None where nothing was answered.

    The receiver may ask for more patience than the schedule has, up to a day, not for less. `jitter`, from 0 to 1,
    spreads what failed together.
    """
    if status is not None and 200 <= status < 300:
        return Verdict(Outcome.DELIVERED)
    if status == _GONE:
        return Verdict(Outcome.ENDPOINT_GONE)
    if attempt >= len(DELAYS):
        return Verdict(Outcome.GIVEN_UP)
    wait = max(DELAYS[attempt], asked_wait(retry_after, now))
    return Verdict(Outcome.RETRY, now + wait * (1 + SPREAD * jitter))


def asked_wait(retry_after: str | None, now: datetime) -> timedelta:
    """What a Retry-After header asks for, in seconds or as a date: nothing to a day; what cannot be read is nothing."""
    try:
        asked = _read_wait((retry_after or "").strip()[:_LONGEST_HEADER], now)
    except (ValueError, OverflowError):
        return timedelta(0)
    return min(max(asked, timedelta(0)), LONGEST_WAIT)


def _read_wait(text: str, now: datetime) -> timedelta:
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text), LONGEST_WAIT.total_seconds()))
    moment = parsedate_to_datetime(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now


def has_failed_too_long(failing_since: datetime | None, now: datetime) -> bool:
    """Whether an endpoint is to be disabled that has taken nothing since then; None: its last delivery succeeded."""
    return failing_since is not None and now - failing_since >= DISABLED_AFTER
