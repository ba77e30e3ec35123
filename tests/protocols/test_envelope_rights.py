"""The plain envelope tells nobody what they may not read."""

import pytest

from domain.ids import new_id
from tests.api.test_announcements import key_of
from tests.faults.callers import Caller
from tests.protocols.conversing import GONE_ON, say
from tests.protocols.enveloping import correspond, corresponding, refused
from tests.protocols.test_envelope_runs import a_run
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_what_is_of_another_tenant_is_not_there(client: Client, spy: Client) -> None:
    caller = Caller(client.http, client.key)
    run_id = await caller.start(await caller.workflow(pictures=0))
    theirs = client.key.projectId
    for asked, code in (
        ({"channel": "runs", "projectId": theirs}, "PROJECT_NOT_FOUND"),
        ({"channel": "presence", "projectId": theirs}, "PROJECT_NOT_FOUND"),
        ({"channel": "runs", "runId": run_id}, "RUN_NOT_FOUND"),
        ({"channel": "runs", "runId": run_id, "projectId": spy.key.projectId}, "RUN_NOT_FOUND"),
        ({"channel": "runs", "projectId": new_id()}, "PROJECT_NOT_FOUND"),
        ({"channel": "runs", "runId": new_id()}, "RUN_NOT_FOUND"),
        ({"channel": "runs", "projectId": "x"}, "PROJECT_NOT_FOUND"),
        ({"channel": "runs", "runId": "x"}, "RUN_NOT_FOUND"),
        ({"channel": "runs", "runId": "\x00"}, "RUN_NOT_FOUND"),
    ):
        await correspond(spy, say(type="subscribe", **asked), refused(code, asked["channel"]), *GONE_ON)
        several = say(type="subscribe", id="all", channels=[{"channel": "announcements"}, asked])
        await correspond(spy, several, refused(code, "all"), *GONE_ON)
    presence = say(type="presence", projectId=theirs, state={"node": "x"})
    await correspond(spy, presence, refused("PROJECT_NOT_FOUND"), *GONE_ON)


async def test_a_narrow_key_is_told_what_it_may_read_and_nothing_else(client: Client) -> None:
    async with key_of(client, "runs:read", "projects:read") as narrow:
        secret = narrow.http.headers["x-api-key"]
        async with corresponding(client) as whole, corresponding(client, secret) as part:
            await whole.subscribe()
            await part.subscribe(projectId=client.key.projectId)
            await a_run(client, pictures=2)
            all_of_it = await whole.hear_until("run.completed")
            expected = [event for event in all_of_it if not event["event"].startswith("image.")]
            assert await part.hear_until("run.completed") == expected
            assert len(expected) < len(all_of_it)


@pytest.mark.parametrize(("scope", "channel"), [("images:read", "runs"), ("runs:read", "presence")])
async def test_a_key_that_may_not_read_the_channel_is_refused(client: Client, scope: str, channel: str) -> None:
    async with key_of(client, scope) as narrow:
        asked = say(type="subscribe", channel=channel, projectId=client.key.projectId)
        secret = narrow.http.headers["x-api-key"]
        async with corresponding(client, secret) as one:
            for step in (asked, refused("FORBIDDEN", channel), *GONE_ON):
                await step(one, client)


async def test_a_key_that_stands_for_no_project_names_one(client: Client) -> None:
    async with key_of(client, "runs:read", "projects:read") as narrow:
        secret = narrow.http.headers["x-api-key"]
        async with corresponding(client, secret) as one:
            for step in (say(type="subscribe", channel="runs"), refused("VALIDATION_ERROR", "runs", "projectId")):
                await step(one, client)
            await one.subscribe(projectId=client.key.projectId)
