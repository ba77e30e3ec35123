"""What waits for people, over GraphQL: reading a form, answering it, saying who is on it."""

from typing import Any

import pytest

from app.cli.live import Live
from domain.api_keys import IssueApiKey
from domain.commands import execute
from domain.ids import Id
from domain.permissions import Role, operator_actor
from gateway.keys import new_key
from tests.api.asking import CANCEL, finish
from tests.api.reviewing import (
    CLAIM,
    RELEASE,
    SUBMIT,
    WORDS,
    a_review,
    answer,
    look_at,
    organization_id,
    person,
    refused,
    submit,
)
from tests.api.talking import Talker, talking
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")

HISTORY = "query($run: ID!) { run(id: $run) { events { nodes { cursor event payload } } } }"
FOLLOW = """subscription($after: String!) { stream(channels: [{name: RUNS}], after: $after) {
  event payload subject { ... on RunStep { form { token title } } }
} }"""
WATCH = "subscription($id: ID!) { runUpdated(id: $id) { steps { form { token title } } } }"
FORM_WITHOUT_TOKEN = {"token": None, "title": "Which?"}


async def test_a_form_is_read_answered_and_gone(client: Client) -> None:
    run, step = await a_review(client, instructions="The better one.", choose={}, dueSeconds=3600)
    form = step["form"]
    assert (step["status"], form["title"], form["instructions"]) == ("WAITING", "Which?", "The better one.")
    assert (form["fewest"], form["most"], form["decisions"]) == (1, 1, ["approve", "reject"])
    assert (form["schema"], form["assignee"], form["dueAt"].endswith("Z")) == (WORDS, None, True)
    assert all(image["storageUrl"].startswith("http") for image in form["candidates"])

    given = answer(step, values={"words": "Nice"}, clientMutationId="0123456789abcdef")
    first = await submit(client, given)
    assert (first["run"]["id"], first["clientMutationId"]) == (run, "0123456789abcdef")
    assert (await finish(client, run))["status"] == "SUCCEEDED"
    for again in (given, {**given, "clientMutationId": None}):
        assert (await submit(client, again))["run"] == {"id": run, "status": "SUCCEEDED"}
    done = await look_at(client, run)
    assert (done["form"], done["outputs"]["values"], done["outputs"]["decision"]) == (
        None,
        {"words": "Nice"},
        "approve",
    )
    assert done["outputs"]["image"]["imageId"] == form["candidates"][1]["id"]
    late = await refused(client, SUBMIT, answer(step, decision="reject"))
    assert late.code == "STEP_NOT_WAITING"


async def test_who_may_not_answer_sees_the_form_without_its_token(client: Client, spy: Client) -> None:
    run, step = await a_review(client, choose={})
    query = "query($id: ID!) { node(id: $id) { id } }"
    assert (await spy.ask(query, id=step["id"]))["node"] is None
    assert (await refused(spy, SUBMIT, answer(step))).code == "NOT_FOUND"
    async with person(client, "eve", Role.VIEWER) as eve:
        seen = await look_at(eve, run)
        assert (seen["form"]["token"], seen["form"]["title"]) == (None, "Which?")
        assert (await refused(eve, SUBMIT, answer(step))).code == "FORBIDDEN"
    async with person(client, "ada") as ada:
        assert (await submit(ada, answer(await look_at(ada, run))))["run"]["id"] == run


async def test_a_form_for_one_shows_its_token_to_that_one(client: Client) -> None:
    run, _ = await a_review(client, assignee="ada")
    async with person(client, "ada") as ada, person(client, "ben", Role.EDITOR) as ben:
        step = await look_at(ada, run)
        assert (step["form"]["assignee"], (await look_at(ben, run))["form"]["token"]) == ("ada", None)
        given = answer(step, chosenImageIds=None)
        assert (await refused(ben, SUBMIT, given)).code == "FORBIDDEN"
        await submit(ada, given)


async def test_a_canceled_run_asks_nobody_any_more(client: Client) -> None:
    run, step = await a_review(client, choose={})
    assert (await client.ask(CANCEL, id=run))["cancelRun"]["outcome"] == "CANCELED"
    assert (await look_at(client, run))["form"] is None
    assert (await refused(client, SUBMIT, answer(step))).code == "STEP_NOT_WAITING"
    assert (await finish(client, run))["status"] == "CANCELED"


async def test_who_is_on_it_is_seen_and_keeps_others_out(client: Client) -> None:
    run, step = await a_review(client, choose={})
    async with person(client, "ada") as ada, person(client, "ben", Role.EDITOR) as ben:
        held = (await ada.ask(CLAIM, input={"id": step["id"], "seconds": 60}))["claim"]["claim"]
        assert (held["by"], (await look_at(ben, run))["claim"]["expiresAt"]) == ("ada", held["expiresAt"])
        for query, given in ((SUBMIT, answer(step)), (CLAIM, {"id": step["id"]}), (RELEASE, {"id": step["id"]})):
            assert (await refused(ben, query, given)).code == "CONFLICT"
        handed = await ada.ask(CLAIM, input={"id": step["id"], "handTo": "ben"})
        assert handed["claim"]["claim"]["by"] == "ben"
        assert (await ben.ask(RELEASE, input={"id": step["id"]}))["releaseClaim"] == {"claim": None}
        assert (await look_at(ada, run))["claim"] is None
        await submit(ada, answer(step))


HOSTILE: list[tuple[dict[str, Any], str, str | None]] = [
    ({"stepId": "x"}, "NOT_FOUND", None),
    ({"stepId": "\u0000"}, "NOT_FOUND", None),
    ({"token": "x"}, "STEP_NOT_WAITING", None),
    ({"token": "\u0000" * 9_000}, "STEP_NOT_WAITING", None),
    ({"decision": "x" * 9_000}, "VALIDATION_ERROR", "decision"),
    ({"decision": "\u0000"}, "VALIDATION_ERROR", "decision"),
    ({"values": []}, "VALIDATION_ERROR", "values"),
    ({"values": "x"}, "VALIDATION_ERROR", "values"),
    ({"values": {"words": 1}}, "VALIDATION_ERROR", "values"),
    ({"values": {"other": 1}}, "VALIDATION_ERROR", "values"),
    ({"values": {"words": "\u0000"}}, "VALIDATION_ERROR", "values"),
    ({"values": {"words": "x" * 70_000}}, "VALIDATION_ERROR", "values"),
    ({"chosenImageIds": []}, "VALIDATION_ERROR", "chosenImageIds"),
    ({"chosenImageIds": ["x" * 9_000]}, "VALIDATION_ERROR", "chosenImageIds"),
    ({"chosenImageIds": ["\u0000"], "decision": "reject"}, "VALIDATION_ERROR", "chosenImageIds"),
]
CLAIMS: list[tuple[dict[str, Any], str, str | None]] = [
    ({"id": "x"}, "NOT_FOUND", None),
    ({"seconds": 0}, "VALIDATION_ERROR", "seconds"),
    ({"seconds": 86_401}, "VALIDATION_ERROR", "seconds"),
    ({"handTo": " "}, "VALIDATION_ERROR", "handTo"),
    ({"handTo": "x" * 201}, "VALIDATION_ERROR", "handTo"),
    ({"handTo": "\u0000"}, "VALIDATION_ERROR", "handTo"),
]


async def test_a_wrong_answer_or_claim_is_refused_with_what_to_mend(client: Client) -> None:
    run, step = await a_review(client, choose={})
    for changes, code, field in HOSTILE:
        failure = await refused(client, SUBMIT, answer(step, **changes))
        assert (failure.code, failure.field) == (code, field), changes
    for changes, code, field in CLAIMS:
        failure = await refused(client, CLAIM, {"id": step["id"], **changes})
        assert (failure.code, failure.field) == (code, field), changes
    assert await look_at(client, run) == step


async def test_a_token_is_told_to_those_alone_who_may_answer(client: Client) -> None:
    run, step = await a_review(client)
    history = (await client.ask(HISTORY, run=run))["run"]["events"]["nodes"]
    heard = []
    for api_key in (client.key.apiKey, await a_readers_key(client)):
        async with Live(client.url, api_key) as live:
            heard.append(await _next_pause(live, after=history[0]["cursor"]))
    token = step["form"]["token"]
    assert [event["subject"]["form"] for event in heard] == [
        {"token": token, "title": "Which?"},
        {"token": None, "title": "Which?"},
    ]
    await submit(client, answer(step, chosenImageIds=None))
    await finish(client, run)
    history = (await client.ask(HISTORY, run=run))["run"]["events"]["nodes"]
    assert [node["payload"]["form"]["title"] for node in history if node["event"] == "step.waiting"] == ["Which?"]
    assert token not in str([event["payload"] for event in (*heard, *history)])


async def test_a_form_for_one_never_tells_its_token_by_a_subscription(client: Client) -> None:
    run, step = await a_review(client, assignee="ada")
    history = (await client.ask(HISTORY, run=run))["run"]["events"]["nodes"]
    async with person(client, "ada") as ada, person(client, "ben", Role.EDITOR) as ben:
        token = (await look_at(ada, run))["form"]["token"]
        for reader in (ada, ben):
            async with talking(
                client, additional_headers={"Authorization": reader.http.headers["Authorization"]}
            ) as talker:
                await talker.say(type="connection_init")
                assert (await talker.hear())["type"] == "connection_ack"
                await talker.ask("all", FOLLOW, after=history[0]["cursor"])
                await talker.ask("one", WATCH, id=run)
                assert await _forms_heard(talker) == {"all": FORM_WITHOUT_TOKEN, "one": FORM_WITHOUT_TOKEN}
    assert token == step["form"]["token"]  # an owner may answer in their place


async def _forms_heard(talker: Talker) -> dict[str, Any]:
    """The form as each of the subscriptions tells it."""
    heard: dict[str, Any] = {}
    while len(heard) < 2:
        message = await talker.hear()
        data = message["payload"]["data"]
        steps = data["runUpdated"]["steps"] if "runUpdated" in data else [data["stream"]["subject"]]
        for step in steps:
            if step.get("form"):
                heard[message["id"]] = step["form"]
    return heard


async def _next_pause(live: Live, after: str) -> dict[str, Any]:
    async for event in live.watch(FOLLOW, after=after):
        if event["stream"]["event"] == "step.waiting":
            found: dict[str, Any] = event["stream"]
            return found
    raise AssertionError("the stream ended")


async def a_readers_key(client: Client) -> str:
    """A key that sees everything of its project, and changes nothing."""
    key = new_key()
    command = IssueApiKey(
        name="Reader",
        prefix=key.prefix,
        secret_hash=key.hashed(client.parts.secrets.pepper),
        scopes=("projects:read", "runs:read", "images:read"),
        default_project_id=Id(client.key.projectId),
    )
    await execute(client.parts.database.begin, operator_actor(await organization_id(client)), command)
    return key.text
