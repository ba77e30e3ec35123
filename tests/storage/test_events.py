"""Recorded events: numbered by their project, without gaps, in the order of the commits."""

import asyncio
from dataclasses import replace
from typing import Any

from app.parts import Parts
from domain.commands import execute
from domain.events import Envelope, Event
from domain.ids import Id, new_id
from domain.ports import Command
from domain.projects import CreateProject
from domain.run_commands import CancelRun, StartRun
from domain.runs import Run
from domain.workflows import Workflow
from storage.events import EventLog
from storage.transaction import Database
from tests.studio import Tenant, tenant


def told(project_id: Id, number: int = 0, *, run_id: Id | None = None) -> Event:
    return Event(
        event="test.told",
        project_id=project_id,
        run_id=run_id,
        subject_type="Test",
        subject_id=new_id(),
        version=1,
        payload={"number": number},
    )


async def record(owner: Tenant, *events: Event, command: Command[Any] | None = None) -> None:
    async with owner.parts.database.begin(owner.actor, command or Command[Any](), None) as tx:
        tx.record(*events)


async def all_of(parts: Parts, project_id: Id) -> list[Envelope]:
    return await parts.studio.events.after(project_id, 0, most=10_000)


async def test_numbers_have_no_gaps_under_fifty_transactions_over_three_projects(parts: Parts) -> None:
    owner = await tenant(parts)
    others = [(await owner.do(CreateProject(name=name))).id for name in ("Second", "Third")]
    projects = [owner.project_id, *others]

    def some(number: int) -> list[Event]:
        """Of up to three projects, in changing order, so that transactions meet."""
        return [told(projects[(number + step) % 3], number) for step in range(1 + number % 3)]

    await asyncio.gather(*(record(owner, *some(number)) for number in range(50)))
    for project_id in projects:
        envelopes = await all_of(parts, project_id)
        assert [envelope.seq for envelope in envelopes] == list(range(1, len(envelopes) + 1))
    assert sum([len(await all_of(parts, project_id)) for project_id in projects]) == sum(1 + n % 3 for n in range(50))


async def test_whoever_has_read_a_number_never_misses_a_lower_one(parts: Parts) -> None:
    owner = await tenant(parts)
    writing = asyncio.gather(*(record(owner, told(owner.project_id, number)) for number in range(50)))
    read: list[int] = []
    while len(read) < 50:
        fresh = await parts.studio.events.after(owner.project_id, read[-1] if read else 0, most=7)
        read += (envelope.seq for envelope in fresh)
    await writing
    assert read == list(range(1, 51))


async def test_a_transaction_that_fails_takes_no_number(parts: Parts) -> None:
    owner = await tenant(parts)
    results = await asyncio.gather(
        *(
            record(owner, told(owner.project_id), told(new_id() if number % 2 else owner.project_id))
            for number in range(8)
        ),
        return_exceptions=True,
    )
    assert [isinstance(result, Exception) for result in results] == [bool(number % 2) for number in range(8)]
    assert [envelope.seq for envelope in await all_of(parts, owner.project_id)] == list(range(1, 9))


async def test_an_envelope_says_what_caused_it(parts: Parts) -> None:
    owner = await tenant(parts)
    workflow: Workflow = await owner.hero_image()
    start = StartRun(workflow_id=workflow.id, inputs={"prompt": "A kite"}, client_mutation_id="mine-1")
    run = await execute(parts.database.begin, replace(owner.actor, trace_id="f" * 32), start)

    (envelope,) = await all_of(parts, owner.project_id)
    assert (envelope.client_mutation_id, envelope.trace_id) == ("mine-1", "f" * 32)
    assert (envelope.event.event, envelope.event.subject_id, envelope.event.version) == ("run.updated", run.id, 1)
    assert envelope.event.payload["status"] == "QUEUED"


async def test_what_is_told_after_the_commit_is_what_is_kept(parts: Parts) -> None:
    owner, heard = await tenant(parts), list[Envelope]()
    database = Database(parts.engine, heard.extend, parts.database.world)
    async with database.begin(owner.actor, Command[Any](client_mutation_id="mine-2"), None) as tx:
        tx.record(told(owner.project_id, 1), told(owner.project_id, 2))
        assert heard == []
    assert heard == await all_of(parts, owner.project_id)
    assert [(envelope.seq, envelope.client_mutation_id) for envelope in heard] == [(1, "mine-2"), (2, "mine-2")]


async def test_a_run_is_told_by_itself_and_in_order(parts: Parts) -> None:
    owner = await tenant(parts)
    workflow: Workflow = await owner.hero_image()
    run, other = [await start_hero(owner, workflow) for _ in range(2)]
    for each in (run, other):
        await owner.do(CancelRun(id=each.id))

    log: EventLog = parts.studio.events
    envelopes = await log.of_run(owner.project_id, run.id, 0, most=100)
    assert {envelope.event.run_id for envelope in envelopes} == {run.id}
    assert [envelope.seq for envelope in envelopes] == sorted(envelope.seq for envelope in envelopes)
    assert await log.count_of_run(owner.project_id, run.id) == len(envelopes)
    assert await log.of_run(owner.project_id, run.id, envelopes[1].seq, most=2) == envelopes[2:4]
    assert await log.of_run(new_id(), run.id, 0, most=100) == []


async def test_after_gives_a_page_and_newest_the_end(parts: Parts) -> None:
    owner = await tenant(parts)
    silent = (await owner.do(CreateProject(name="Silent"))).id
    await record(owner, *(told(owner.project_id, number) for number in range(5)))

    log: EventLog = parts.studio.events
    assert [e.event.payload["number"] for e in await log.after(owner.project_id, 2, most=2)] == [2, 3]
    assert await log.after(owner.project_id, 5, most=2) == []
    assert await log.newest([owner.project_id, silent, new_id()]) == {owner.project_id: 5, silent: 0}
    assert await log.newest([]) == {}


async def start_hero(owner: Tenant, workflow: Workflow) -> Run:
    run: Run = await owner.do(StartRun(workflow_id=workflow.id, inputs={"prompt": "A kite"}))
    return run
