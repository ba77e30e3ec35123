"""Hundreds of runs while workers are killed and paused, and PostgreSQL and Valkey with them."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from itertools import count, takewhile
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import pytest

from storage.failures import unavailable
from storage.pool import asyncpg_url
from tests.faults.callers import Told, calling, until
from tests.faults.processes import Home
from tests.faults.storm import LEASE_SECONDS, WORKERS, Follower, People, Storm
from tests.servers.postgres_process import start_postgres
from tests.servers.valkey_process import start_valkey

RUNS = int(os.environ.get("EASEL_TEST_STORM_RUNS", "200"))
AT_ONCE = 24

# What is never found once all is done, each as a query for where it is.
WRONGS = {
    "a run that was accepted did not succeed": """
        SELECT id, status, error FROM runs WHERE status <> 'SUCCEEDED' OR finished_at IS NULL
    """,
    "a step is not done": """
        SELECT id, run_id, node_id, status FROM steps
        WHERE status NOT IN ('SUCCEEDED', 'SKIPPED') OR lease_until IS NOT NULL OR finished_at IS NULL
    """,
    "a step was not recorded as done exactly once": """
        SELECT steps.id, node_id, status, count(seq) FROM steps LEFT JOIN events
            ON subject_id = steps.id AND event = 'step.updated' AND payload ->> 'status' IN ('SUCCEEDED', 'SKIPPED')
        GROUP BY steps.id HAVING count(seq) <> 1
    """,
    "a version was told twice, left out or told late": """
        SELECT * FROM (
            SELECT run_id, subject_id, seq, version,
                lag(version, 1, least(version, 2) - 1) OVER (PARTITION BY subject_id ORDER BY seq) AS before
            FROM events WHERE event IN ('run.updated', 'step.updated')
        ) AS told WHERE version <> before + 1
    """,
    "the last that was told is not how it is": """
        SELECT id, version, told FROM (SELECT id, version FROM runs UNION ALL SELECT id, version FROM steps) AS kept
        LEFT JOIN (SELECT subject_id, max(version) AS told FROM events GROUP BY subject_id) AS events ON subject_id = id
        WHERE version IS DISTINCT FROM told
    """,
    "a run counts other steps than it has": """
        SELECT runs.id, steps_total, steps_done, steps_waiting, runs.progress, count(*)
        FROM runs JOIN steps ON run_id = runs.id GROUP BY runs.id
        HAVING (steps_total, steps_done, steps_waiting, runs.progress) <> (count(*), count(*), 0, 1.0)
    """,
    "something is still set aside, or was charged": """
        SELECT id, reserved, held, cost FROM (
            SELECT id, reserved, held, cost FROM runs UNION ALL SELECT id, reserved, 0, cost FROM steps
            UNION ALL SELECT id, 0, held, spent_in_month FROM accounts
        ) AS kept WHERE (reserved, held, cost) <> (0, 0, 0)
    """,
    "an account has other credits than its entries tell": """
        SELECT accounts.id, available, sum(amount) FROM accounts
        LEFT JOIN ledger ON ledger.organization_id = accounts.id GROUP BY accounts.id
        HAVING available <> coalesce(sum(amount), 0)
    """,
    "a step names an image that is not there": """
        SELECT steps.id, named.id FROM steps, jsonb_array_elements_text(image_ids) AS named(id)
        WHERE NOT EXISTS (SELECT FROM images WHERE images.id = named.id::uuid)
    """,
    "an image is there that its step does not name": """
        SELECT id, step_id FROM images
        WHERE NOT EXISTS (SELECT FROM steps WHERE steps.id = step_id AND image_ids @> to_jsonb(images.id))
    """,
    "a step drew other than one picture, or drew though it was cached": """
        SELECT steps.id, cached, count(images.id) FROM steps LEFT JOIN images ON step_id = steps.id
        WHERE steps.kind = 'generate_image' GROUP BY steps.id HAVING count(images.id) <> (NOT cached)::integer
    """,
    "an event's number is missing": """
        SELECT seq, before FROM (SELECT seq, lag(seq, 1, 0) OVER (ORDER BY seq) AS before FROM events) AS numbered
        WHERE seq <> before + 1
    """,
    "the project counts other events than it has": """
        SELECT seq, (SELECT count(*) FROM events WHERE project_id = id) FROM project_sequences
        WHERE seq <> (SELECT count(*) FROM events WHERE project_id = id)
    """,
}
RECORDED = "SELECT event, payload ->> 'id', version FROM events ORDER BY seq"


@pytest.fixture
def storm(tmp_path: Path) -> Iterator[Storm]:
    with start_postgres() as postgres, start_valkey(tmp_path / "valkey") as valkey, ExitStack() as processes:
        engines = {"EASEL_DATABASE_URL": postgres.url, "EASEL_REDIS_URL": valkey.url}
        limits = {"EASEL_LEASE_SECONDS": str(LEASE_SECONDS), "EASEL_WORKERS": "4", "EASEL_DATABASE_CONNECTIONS": "8"}
        home, chance = Home(tmp_path, {**engines, **limits}), Random(RUNS)  # noqa: S311 - the same storm each time
        yield Storm(home=home, postgres=postgres, valkey=valkey, chance=chance, processes=processes)


@pytest.mark.slow
@pytest.mark.timeout(120 + RUNS)
async def test_nothing_is_lost_and_nothing_done_twice_whatever_is_killed_and_paused(storm: Storm) -> None:
    async with at_work(storm) as people:
        await weather(storm, people)
        async with tables(storm) as ask:
            await until(partial(ask, "SELECT FROM pgqueuer LIMIT 1"), lambda jobs: not jobs)
            recorded = [tuple(row) for row in await ask(RECORDED)]
            await people.follower.until_heard(recorded[-1])
    async with tables(storm) as ask:
        run_ids = {str(row["id"]) for row in await ask("SELECT id FROM runs")}
        assert set(people.accepted) == run_ids, f"{len(people.accepted)} were accepted, {len(run_ids)} are there"
        for wrong, query in WRONGS.items():
            found = await ask(query)
            assert not found, f"{wrong}: {len(found)} times, as {dict(found[0])}"
        assert_same(people.follower.heard, recorded)
        assert_stored(storm.home.data / "objects", await ask("SELECT storage_key, file_hash FROM images"))
        assert await ask("SELECT FROM steps WHERE attempt > 1"), f"no step was hit by {storm.struck}"
    assert people.follower.connections > 1
    assert_only_outages(storm.home.errors.read_text().splitlines())


@asynccontextmanager
async def at_work(storm: Storm) -> AsyncIterator[People]:
    """While the block lasts somebody follows the project, and has begun to, and what is asked is answered."""
    with storm.home.serving("--workers", "0"):
        async with calling(storm.home.key()) as caller, asyncio.TaskGroup() as group:
            people = People(caller=caller, follower=Follower(caller.key))
            await people.make_workflows()
            tasks = [group.create_task(people.follower.follow()), group.create_task(people.answer())]
            await until_followed(people)
            yield people
            for task in tasks:
                task.cancel()


async def until_followed(people: People) -> None:
    early = count(-1, -1)

    async def heard() -> bool:
        await people.start(next(early))
        return bool(people.follower.heard)

    await until(heard)


async def weather(storm: Storm, people: People) -> None:
    """So many runs, and more until everything has struck once; all is up again afterwards."""
    numbers, calm = takewhile(lambda number: number < RUNS or not storm.has_struck_everything, count()), asyncio.Event()
    await asyncio.gather(*(storm.hire() for _ in range(WORKERS)))
    async with asyncio.TaskGroup() as group:
        group.create_task(storm.rage(calm))
        await asyncio.gather(*(people.work(numbers) for _ in range(AT_ONCE)))
        calm.set()


@asynccontextmanager
async def tables(storm: Storm) -> AsyncIterator[Callable[[str], Awaitable[list[Any]]]]:
    connection = await asyncpg.connect(asyncpg_url(storm.postgres.url))
    try:
        yield connection.fetch
    finally:
        await connection.close()


def assert_same(heard: list[Told], recorded: list[Told]) -> None:
    """What was heard is what was recorded since: each event once, in order."""
    expected = recorded[recorded.index(heard[0]) :]
    other = next((place for place, pair in enumerate(zip(heard, expected, strict=False)) if pair[0] != pair[1]), None)
    assert other is None, f"event {other} of {len(expected)} is {expected[other]}, but was heard as {heard[other]}"
    assert len(heard) == len(expected), f"{len(heard)} events were heard, {len(expected)} were recorded"


def assert_stored(objects: Path, images: list[Any]) -> None:
    """The bytes of all images are where they should be, and as they were made."""
    lost = [key for key, digest in images if digest_of(objects / key) != digest]
    assert not lost, f"{len(lost)} of {len(images)} images are not in the object store as they were made, as {lost[0]}"


def assert_only_outages(lines: list[str]) -> None:
    """Nothing kept a worker from its steps but that the database was away."""
    others = [line for line in lines if "a job was not done" in line and unavailable().message not in line]
    assert not others, f"{len(others)} steps met what nobody expects, as {others[0]}"


def digest_of(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None
