"""A run in numbers, and what is told of it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from domain.errors import ErrorCode, InvalidInput
from domain.ids import new_id
from domain.interruptions import LONGEST_BACKOFF_SECONDS, backoff_seconds
from domain.run_commands import StartRun
from domain.runs import RunStatus
from domain.steps import RunError
from tests.domain.building import run, step

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_the_times_of_a_run_are_milliseconds_once_they_are_known() -> None:
    started = NOON + timedelta(microseconds=1_500)
    waiting = run(created_at=NOON)
    running = run(created_at=NOON, started_at=started)
    done = run(created_at=NOON, started_at=started, finished_at=started + timedelta(seconds=2))
    times = [(one.metrics.queued_ms, one.metrics.duration_ms) for one in (waiting, running, done)]
    assert times == [(None, None), (1.5, None), (1.5, 2000.0)]


def test_the_metrics_count_what_the_run_counts() -> None:
    found = run(steps_done=3, steps_cached=1, retries=2, cost=Decimal("0.042")).metrics
    assert (found.steps_total, found.steps_done, found.steps_cached, found.retries) == (4, 3, 1, 2)
    assert found.cost == Decimal("0.042")


def test_progress_grows_by_the_share_of_what_is_done_and_never_goes_back() -> None:
    found, half = run(), step("a", "generate_image", share=0.5)
    seen = []
    for progress in (0.5, 0.2, 1.0):
        found.advance(half, progress)
        seen.append(found.progress)
    assert seen == [0.25, 0.25, 0.5]


@pytest.mark.parametrize(
    ("status", "event"),
    [
        (RunStatus.SUCCEEDED, "run.completed"),
        (RunStatus.FAILED, "run.failed"),
        (RunStatus.CANCELED, "run.canceled"),
    ],
)
def test_an_end_is_told_twice_under_one_version(status: RunStatus, event: str) -> None:
    ended = run()
    ended.end(status)
    told = ended.changed()
    assert ended.is_finished
    assert [(one.event, one.version) for one in told] == [("run.updated", 2), (event, 2)]
    assert told[0].payload["status"] == status
    assert told[0].payload["finishedAt"] is not None


@pytest.mark.parametrize("status", [RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING])
def test_what_goes_on_is_told_once(status: RunStatus) -> None:
    assert [one.event for one in run(status=status).changed()] == ["run.updated"]


def test_what_is_told_names_no_organization() -> None:
    assert "organizationId" not in run().told("run.updated").payload


def test_a_run_stops_when_it_is_canceled_or_has_failed() -> None:
    error = RunError(code=ErrorCode.PROVIDER_FAILED, message="No.")
    assert [one.is_stopping for one in (run(), run(cancel_requested_at=NOON), run(error=error))] == [False, True, True]


@pytest.mark.parametrize("priority", [-101, 101, 10**9, 0.5])
def test_a_priority_out_of_range_is_refused(priority: int) -> None:
    with pytest.raises(InvalidInput, match="-100 to 100"):
        StartRun(workflow_id=new_id(), priority=priority)


@pytest.mark.parametrize("attempt", range(1, 12))
def test_attempts_are_spread_over_a_time_that_grows_up_to_a_limit(attempt: int) -> None:
    longest = min(LONGEST_BACKOFF_SECONDS, 2.0**attempt)
    assert all(0.1 <= backoff_seconds(attempt) <= longest for _ in range(100))
