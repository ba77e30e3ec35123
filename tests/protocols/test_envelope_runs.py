"""What happens in a project, in the plain envelope: whole, in order, from any cursor on, to those who may know."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from app.serving import running
from domain.ids import Id
from tests.api.asking import START, workflow_id
from tests.faults.callers import Caller, Told, told
from tests.protocols.conversing import GONE_ON, finish_a_run, say
from tests.protocols.enveloping import Correspondent, correspond, corresponding, refused
from tests.studio import Client, client_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

RUNS_AT_ONCE = 3


async def a_run(client: Client, *, pictures: int = 0) -> list[Told]:
    """A run to its end, and what was recorded of it."""
    caller = Caller(client.http, client.key)
    run = await caller.finished(await caller.start(await caller.workflow(pictures=pictures)))
    return [told(event) for event in run["events"]["nodes"]]


async def followed(client: Client, *, runs: int = 1) -> tuple[str, list[dict[str, Any]]]:
    """A cursor, and all the events after it."""
    async with corresponding(client) as one:
        cursor = await one.subscribe()
        heard: list[dict[str, Any]] = []
        for _ in range(runs):
            await finish_a_run(client)
            heard += await one.hear_until("run.completed")
    return cursor, heard


async def hear_all(one: Correspondent, id: str, cursor: str, expected: list[dict[str, Any]]) -> None:
    """After the cursor come just these, each as it was told before."""
    await one.subscribe(id=id, after=cursor)
    for event in expected:
        assert await one.hear() == {**event, "id": id}


async def test_an_event_is_told_with_all_that_resuming_needs(client: Client) -> None:
    named = {"workflowId": await workflow_id(client), "inputs": {"prompt": "x"}, "clientMutationId": "mine-" + "1" * 16}
    async with corresponding(client) as one:
        before = await one.subscribe(id="mine")
        run = (await client.ask(START, input=named))["startRun"]["run"]
        event = await one.hear_event()
        assert event == {
            "id": "mine",
            "channel": "runs",
            "event": "run.updated",
            "payload": event["payload"],
            "cursor": event["cursor"],
            "clientMutationId": named["clientMutationId"],
            "traceId": event["traceId"],
            "occurredAt": event["occurredAt"],
        }
        assert (event["payload"]["id"], event["payload"]["version"]) == (run["id"], 1)
        assert event["cursor"] != before
        assert len(event["traceId"]) == 32
        heard = [event, *await one.hear_until("run.completed")]
        assert {"run.updated", "step.updated", "image.created", "run.completed"} <= {event["event"] for event in heard}
        assert len({event["cursor"] for event in heard}) == len(heard)


async def test_what_is_recorded_is_told_whole_and_in_its_order(client: Client) -> None:
    async with corresponding(client) as one:
        await one.subscribe()
        recorded = await a_run(client, pictures=2)
        assert [told(event) for event in await one.hear_until("run.completed")] == recorded


async def test_what_is_read_once_it_has_begun_and_what_follows_have_nothing_between_them(client: Client) -> None:
    caller = Caller(client.http, client.key)
    workflow = await caller.workflow(pictures=1)
    run_ids = [await caller.start(workflow) for _ in range(RUNS_AT_ONCE)]

    async def look(*, resumes: bool) -> tuple[set[Told], set[Told]]:
        """What was read after the beginning, and what was told from then on; also where another goes on for it."""
        async with corresponding(client) as one:
            cursor = await one.subscribe()
            read = {told(event) for id_ in run_ids for event in (await caller.run(id_))["events"]["nodes"]}
            if resumes:
                await one.unsubscribe("runs")
                await one.subscribe(id="again", after=cursor)
            await asyncio.gather(*map(caller.finished, run_ids))
            return read, await told_to_the_end(one, read)

    async def told_to_the_end(one: Correspondent, read: set[Told]) -> set[Told]:
        ended = {id_ for name, id_, _ in read if name == "run.completed"}
        heard: set[Told] = set()
        while ended != set(run_ids):
            event = await one.hear_event()
            heard.add(told(event))
            ended |= {event["payload"]["id"]} if event["event"] == "run.completed" else set()
        return heard

    looks = []
    async with asyncio.TaskGroup() as group:
        for number in range(12):
            looks.append(group.create_task(look(resumes=bool(number % 2))))
            await asyncio.sleep(0.02)  # at twelve different moments
    recorded = {told(event) for id_ in run_ids for event in (await caller.run(id_))["events"]["nodes"]}
    for task in looks:
        read, heard = task.result()
        assert read | heard == recorded


async def test_cut_off_at_each_event_nothing_is_missed_and_nothing_repeated(client: Client) -> None:
    cursor, heard = await followed(client, runs=3)
    async with corresponding(client) as one:
        await hear_all(one, "all", cursor, heard)
        for place, event in enumerate(heard):
            id_ = str(place)
            await hear_all(one, id_, event["cursor"], heard[place + 1 :])
            await one.unsubscribe(id_)
        await one.hears_nothing_more()


async def test_many_subscriptions_at_once_resume_each_at_its_own_cursor(client: Client) -> None:
    _, heard = await followed(client, runs=2)
    async with corresponding(client) as one:
        for place, event in enumerate(heard):
            await one.say(type="subscribe", channel="runs", id=str(place), after=event["cursor"])
        await finish_a_run(client)
        got: dict[str, list[dict[str, Any]]] = {str(place): [] for place in range(len(heard))}
        ended: set[str] = set()
        while len(ended) < len(got):
            message = await one.hear()
            if "event" in message:
                got[message["id"]].append({**message, "id": "runs"})
                if message["event"] == "run.completed" and message["cursor"] not in {e["cursor"] for e in heard}:
                    ended.add(message["id"])
    newest = got[str(len(heard) - 1)]
    assert list(got.values()) == [[*heard[place + 1 :], *newest] for place in range(len(heard))]


async def test_a_cursor_of_one_server_continues_on_another_of_the_same_deployment(client: Client) -> None:
    cursor, heard = await followed(client)
    settings = client.parts.settings
    url = client.parts.engine.url.render_as_string(hide_password=False)
    async with (
        running(settings, url) as second,
        client_of(*second, client.key.organizationSlug, client.key.projectSlug) as there,
        corresponding(there) as one,
    ):
        await hear_all(one, "runs", cursor, heard)
        recorded = await a_run(client)
        assert [told(event) for event in await one.hear_until("run.completed")] == recorded


@pytest.mark.parametrize("cursor", ["", "x", "é", "🙂", "AAAA" * 10, "A" * 10_000])
async def test_a_forged_cursor_is_refused(client: Client, cursor: str) -> None:
    asked = say(type="subscribe", channel="runs", after=cursor)
    await correspond(client, asked, refused("CURSOR_EXPIRED", "runs", "after"), *GONE_ON)


async def test_a_cursor_that_was_tampered_with_is_refused(client: Client) -> None:
    cursor, _ = await followed(client)
    for place in (0, len(cursor) // 2, len(cursor) - 2):
        forged = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        asked = say(type="subscribe", channel="runs", after=forged)
        await correspond(client, asked, refused("CURSOR_EXPIRED", "runs", "after"), *GONE_ON)


async def test_a_cursor_of_other_projects_says_resync_and_goes_on_from_now(client: Client, spy: Client) -> None:
    foreign, _ = await followed(spy)
    await finish_a_run(client)
    async with corresponding(client) as one:
        begun = await one.subscribe(after=foreign)
        resync = await one.hear_event("resync")
        assert (resync["channel"], resync["id"]) == ("runs", "runs")
        assert resync["payload"] == {"reason": "the cursor is of other channels", "cursor": begun}
        assert resync["cursor"] == begun
        recorded = await a_run(client)
        assert [told(event) for event in await one.hear_until("run.completed")] == recorded


async def test_where_history_is_gone_resync_comes_in_its_place_and_what_is_kept_follows(client: Client) -> None:
    cursor, heard = await followed(client, runs=2)
    kept = len(heard) // 2
    positions = client.parts.studio.cursors.read(heard[kept]["cursor"])
    async with client.parts.engine.begin() as connection:
        forget = text("DELETE FROM events WHERE project_id = :id AND seq < :seq")
        await connection.execute(forget, {"id": client.key.projectId, "seq": positions[Id(client.key.projectId)]})
    async with corresponding(client) as one:
        await one.subscribe(after=cursor)
        resync = await one.hear()
        assert (resync["event"], resync["payload"]["cursor"]) == ("resync", resync["cursor"])
        assert [await one.hear() for _ in heard[kept:]] == heard[kept:]
        await hear_all(one, "again", resync["cursor"], heard[kept:])


async def test_a_cursor_ahead_of_what_is_recorded_says_resync(client: Client) -> None:
    ahead = client.parts.studio.cursors.write({Id(client.key.projectId): 1_000_000})
    async with corresponding(client) as one:
        begun = await one.subscribe(after=ahead)
        resync = await one.hear_event("resync")
        assert (resync["payload"]["reason"], resync["cursor"]) == ("the cursor is ahead of what is recorded", begun)
        recorded = await a_run(client)
        assert [told(event) for event in await one.hear_until("run.completed")] == recorded


async def test_of_one_run_nothing_but_its_own_is_told(client: Client) -> None:
    caller = Caller(client.http, client.key)
    run_id = await caller.start(await caller.workflow(pictures=1))
    start = client.parts.studio.cursors.write({Id(client.key.projectId): 0})
    async with corresponding(client) as one:
        await one.subscribe(runId=run_id, after=start)
        await finish_a_run(client)
        recorded = [told(event) for event in (await caller.finished(run_id))["events"]["nodes"]]
        assert [told(event) for event in await one.hear_until("run.completed")] == recorded
        await one.hears_nothing_more()


async def test_several_projects_under_one_cursor_resume_in_both(client: Client) -> None:
    made = await client.ask('mutation { createProject(input: {name: "Shop"}) { project { id } } }')
    shop = Client(
        client.url, replace(client.key, projectId=made["createProject"]["project"]["id"]), client.http, client.parts
    )
    both = [{"channel": "runs"}, {"channel": "runs", "projectId": shop.key.projectId}]
    async with corresponding(client) as one:
        await one.say(type="subscribe", id="both", channels=both)
        cursor = await one.hear_begin("both")
        heard = []
        for each in (client, shop, client):
            await finish_a_run(each)
            heard += await one.hear_until("run.completed")
        for place, after in enumerate([cursor, *(event["cursor"] for event in heard)]):
            await one.say(type="subscribe", id="again", channels=both[::-1], after=after)
            await one.hear_begin("again")
            rest = [await one.hear() for _ in heard[place:]]
            await one.unsubscribe("again")
            for each in (client, shop):
                assert of_project(each, [*heard[:place], *rest]) == of_project(each, heard)


def of_project(client: Client, heard: list[dict[str, Any]]) -> list[Told]:
    """What was told of the project's runs: projects are numbered each for itself."""
    return [told(event) for event in heard if event["payload"].get("projectId") == client.key.projectId]
