"""graphql-transport-ws between the introduction and the end: operations, their ids, their answers, their errors."""

import json

import pytest

from tests.api.asking import CREATE_ASSET, START
from tests.api.talking import acknowledged
from tests.protocols.conversing import (
    GONE_ON,
    INTRODUCED,
    KIND,
    STREAM,
    VIEWER,
    Step,
    answered,
    ask,
    closes,
    converse,
    failed,
    finish_a_run,
    hear,
    hear_all_of_it,
    refused,
    say,
    something_happens,
)
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")

MOST_OPERATIONS = 100
TWO = "query a { viewer { kind } } query b { b: viewer { kind } }"
FRAGMENTS = "{ ...v viewer { ... on Viewer { kind } } } fragment v on Query { viewer { kind } }"
RUN = "query($id: ID!) { run(id: $id) { id } }"
NO_RUN = 'subscription { runUpdated(id: "x") { id } }'
MANY_FIELDS = f"{{{' '.join(f'a{i}:__typename' for i in range(60))}}}"
NOT_STARTED = {"workflowId": "x", "inputs": {}}
START_AND_MORE = "mutation($input: StartRunInput!) { startRun(input: $input) { run { id } } }"

ANSWERED: dict[str, tuple[Step, ...]] = {
    "a query": (ask("q"), *answered("q")),
    "null variables": (ask("q", variables=None), *answered("q")),
    "null everywhere": (ask("q", variables=None, operationName=None, extensions=None), *answered("q")),
    "extensions": (ask("q", extensions={"persistedQuery": {"version": 1}, "x": [None]}), *answered("q")),
    "unused variables": (ask("q", variables={"x": {"y": [1]}}), *answered("q")),
    "a variable": (ask("q", RUN, variables={"id": "none"}), *answered("q", {"run": None})),
    "a variable in a directive": (
        ask("q", "query($no: Boolean!) { viewer { kind } no: viewer @skip(if: $no) { kind } }", variables={"no": True}),
        *answered("q"),
    ),
    "fragments": (ask("q", FRAGMENTS), *answered("q")),
    "the first of two": (ask("q", TWO, operationName="a"), *answered("q")),
    "the second of two": (ask("q", TWO, operationName="b"), *answered("q", {"b": {"kind": "api_key"}})),
    "an id of one character": (ask("🙂"), *answered("🙂")),
    "an id of 128 characters": (ask("x" * 128), *answered("x" * 128)),
    "an id with blanks": (ask(" a\tb\n"), *answered(" a\tb\n")),
    "an id that looks like a number": (ask("0"), *answered("0")),
    "60,000 bytes": (ask("q", extensions={"x": "x" * 60_000}), *answered("q")),
    "one after the other": (ask("1"), *answered("1"), ask("2"), *answered("2")),
    "a long comment": (ask("q", f"# {'x' * 1_000}\n{VIEWER}"), *answered("q")),
    "introspection": (
        ask("q", '{ __type(name: "Subscription") { name } }'),
        *answered("q", {"__type": {"name": "Subscription"}}),
    ),
}
PINGS: dict[str, tuple[Step, ...]] = {
    "without a payload": (say(type="ping"), hear(type="pong")),
    "with a null payload": (say(type="ping", payload=None), hear(type="pong")),
    "with an empty payload": (say(type="ping", payload={}), hear(type="pong", payload={})),
    "with a payload": (say(type="ping", payload={"at": 7}), hear(type="pong", payload={"at": 7})),
    "with a deep payload": (
        say(type="ping", payload={"a": [{"b": None}, 1.5, "é"]}),
        hear(type="pong", payload={"a": [{"b": None}, 1.5, "é"]}),
    ),
    "with an id": (say(type="ping", id="1"), hear(type="pong")),
    "many in their order": (
        *(say(type="ping", payload={"n": n}) for n in range(20)),
        *(hear(type="pong", payload={"n": n}) for n in range(20)),
    ),
    "beside an unasked pong": (say(type="pong", payload={"x": 1}), say(type="ping"), hear(type="pong")),
}
REFUSED: dict[str, tuple[str, ...]] = {
    # the document, then a code for each thing that is wrong with it
    "a syntax error": ("subscription {", "GRAPHQL_PARSE_FAILED"),
    "an empty document": ("", "GRAPHQL_PARSE_FAILED"),
    "a document of comments": ("# nothing", "GRAPHQL_PARSE_FAILED"),
    "an unknown field": ("subscription { nope }", "GRAPHQL_VALIDATION_FAILED"),
    "two unknown fields": ("{ nope nada }", *["GRAPHQL_VALIDATION_FAILED"] * 2),
    "an unknown argument": ("{ viewer(x: 1) { kind } }", "GRAPHQL_VALIDATION_FAILED"),
    "two roots of a subscription": (
        "subscription { a: stream(channels: []) { event } b: stream(channels: []) { event } }",
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "fragments without operation": ("fragment v on Query { viewer { kind } }", "GRAPHQL_PARSE_FAILED"),
    "too many fields": (MANY_FIELDS, "QUERY_TOO_COMPLEX"),
}
FAILED: dict[str, tuple[Step, ...]] = {
    "an unknown operation name": (ask("1", TWO, operationName="c"), failed("1", "GRAPHQL_PARSE_FAILED")),
    "an empty operation name": (ask("1", TWO, operationName=""), failed("1", "GRAPHQL_PARSE_FAILED")),
    "which of two is not said": (ask("1", TWO), failed("1", "GRAPHQL_VALIDATION_FAILED")),
    "a variable is missing": (ask("1", RUN), failed("1", "GRAPHQL_VALIDATION_FAILED")),
    "a variable of the wrong type": (ask("1", RUN, variables={"id": []}), failed("1", "GRAPHQL_VALIDATION_FAILED")),
    "a run that is not there": (ask("1", NO_RUN), failed("1", "RUN_NOT_FOUND")),
    "a project that is not there": (
        ask("1", 'subscription { stream(channels: [{name: RUNS, projectId: "x"}]) { event } }'),
        failed("1", "PROJECT_NOT_FOUND"),
    ),
    "no channel": (ask("1", "subscription { stream(channels: []) { event } }"), failed("1", "VALIDATION_ERROR")),
    "a cursor of nobody": (
        ask("1", 'subscription { stream(channels: [{name: RUNS}], after: "x") { event } }'),
        failed("1", "CURSOR_EXPIRED"),
    ),
}


@pytest.mark.parametrize("steps", ANSWERED.values(), ids=ANSWERED)
async def test_an_operation_is_answered_and_completed(client: Client, steps: tuple[Step, ...]) -> None:
    await converse(client, *INTRODUCED, *steps, *GONE_ON)


@pytest.mark.parametrize("steps", PINGS.values(), ids=PINGS)
async def test_a_ping_is_answered_at_any_time(client: Client, steps: tuple[Step, ...]) -> None:
    await converse(client, *steps, *INTRODUCED, *steps, ask("s", STREAM), *steps, ask("q"), *answered("q"), *steps)


@pytest.mark.parametrize("row", REFUSED.values(), ids=REFUSED)
async def test_what_is_not_executed_is_an_error_that_lists_what_is_wrong(client: Client, row: tuple[str, ...]) -> None:
    document, *codes = row
    wrong = (ask("1", document), refused("1", *codes), *GONE_ON)
    await converse(client, *INTRODUCED, *wrong, *wrong, ask("1"), *answered("1"))


@pytest.mark.parametrize("steps", FAILED.values(), ids=FAILED)
async def test_what_fails_ends_alone_and_its_id_is_free(client: Client, steps: tuple[Step, ...]) -> None:
    other = (ask("other", STREAM),)
    end = (something_happens, hear_all_of_it("other"))
    await converse(client, *INTRODUCED, *other, *steps, *GONE_ON, *steps, ask("1"), *answered("1"), *end)


async def test_what_fails_while_it_is_executed_is_told_in_next(client: Client) -> None:
    async with acknowledged(client) as talker:
        await talker.ask("1", START_AND_MORE, input=NOT_STARTED)
        answer = await talker.hear()
        assert (answer["id"], answer["type"], answer["payload"]["data"]) == ("1", "next", None)
        (error,) = answer["payload"]["errors"]
        assert (error["path"], error["extensions"]["code"]) == (["startRun"], "WORKFLOW_NOT_FOUND")
        assert await talker.hear() == {"id": "1", "type": "complete"}


async def test_a_mutation_changes_something_once(client: Client) -> None:
    given = {"projectId": client.key.projectId, "type": "DATASET", "label": "x"}
    made = answered("m", {"createAsset": {"asset": {}}})
    await converse(client, *INTRODUCED, ask("m", CREATE_ASSET, variables={"input": given}), *made, *GONE_ON)
    assets = await client.ask("{ project { assets { nodes { label } } } }")
    assert [asset["label"] for asset in assets["project"]["assets"]["nodes"]] == ["x"]


@pytest.mark.parametrize("path", ["/v1/streams", "/graphql", "/v1/graphql"])
async def test_queries_mutations_and_subscriptions_go_over_one_socket(client: Client, path: str) -> None:
    given = {"projectId": client.key.projectId, "type": "DATASET", "label": "x"}
    await converse(
        client,
        *INTRODUCED,
        *(ask("s", STREAM), ask("t", STREAM)),
        *(ask("q"), *answered("q")),
        *(ask("m", CREATE_ASSET, variables={"input": given}), *answered("m", {"createAsset": {"asset": {}}})),
        *(something_happens, hear_all_of_it("s", "t")),
        *(say(id="t", type="complete"), something_happens, hear_all_of_it("s")),
        path=path,
    )


async def test_a_subscription_that_ends_is_completed_after_its_last_state(client: Client) -> None:
    await finish_a_run(client)
    (run,) = (await client.ask("{ project { runs { nodes { id } } } }"))["project"]["runs"]["nodes"]
    watch = ask("s", f'subscription {{ runUpdated(id: "{run["id"]}") {{ status }} }}')
    told = answered("s", {"runUpdated": {"status": "SUCCEEDED"}})
    await converse(client, *INTRODUCED, watch, *told, *GONE_ON, watch, *told)


async def test_many_at_once_are_each_answered_under_their_id(client: Client) -> None:
    names = [f"q{number}" for number in range(50)]
    async with acknowledged(client) as talker:
        for name in names:
            await talker.ask(name, VIEWER)
        heard = [await talker.hear() for _ in range(2 * len(names))]
    assert {m["id"]: m["payload"]["data"] for m in heard if m["type"] == "next"} == dict.fromkeys(names, KIND)
    assert sorted(m["id"] for m in heard if m["type"] == "complete") == sorted(names)
    for name in names:
        assert [m["type"] for m in heard if m["id"] == name] == ["next", "complete"]


async def test_the_101st_operation_is_refused_and_the_100_go_on(client: Client) -> None:
    names = [str(number) for number in range(MOST_OPERATIONS)]
    await converse(
        client,
        *INTRODUCED,
        *(ask(name, STREAM) for name in names),
        *(ask("more", STREAM), refused("more", "RATE_LIMITED")),
        *(say(id="0", type="complete"), ask("more"), *answered("more")),
        *(something_happens, hear_all_of_it(*names[1:])),
    )


COMPLETE = say(id="1", type="complete")
IDS: dict[str, tuple[Step, ...]] = {
    "an id is free again when the client completes": (ask("1", STREAM), COMPLETE, ask("1"), *answered("1")),
    "and again": (*(ask("1", STREAM), COMPLETE) * 5, ask("1"), *answered("1")),
    "an id is free again when the server completes": ((ask("1"), *answered("1")) * 2),
    "an id is free again after an error": (
        ask("1", "{"),
        refused("1", "GRAPHQL_PARSE_FAILED"),
        ask("1"),
        *answered("1"),
    ),
    "an id that was never used is not completed": (say(id="never", type="complete"), *GONE_ON),
    "nothing is completed twice": (ask("1", STREAM), COMPLETE, COMPLETE, *GONE_ON),
    "what is over is not completed": (ask("1"), *answered("1"), COMPLETE, *GONE_ON),
    "what was refused is not completed": (ask("1", "{"), refused("1", "GRAPHQL_PARSE_FAILED"), COMPLETE, *GONE_ON),
    "a subscription's id is taken": (ask("1", STREAM), ask("1", STREAM), closes(4409)),
    "it is for queries too": (ask("1", STREAM), ask("1"), closes(4409)),
    "it is for what cannot be read too": (ask("1", STREAM), ask("1", "{"), closes(4409)),
    "it is for ids of emoji too": (ask("é🙂" * 30, STREAM), ask("é🙂" * 30), closes(4409)),
    "ids are told apart by capitals": (ask("a", STREAM), ask("A"), *answered("A")),
}


@pytest.mark.parametrize("steps", IDS.values(), ids=IDS)
async def test_ids(client: Client, steps: tuple[Step, ...]) -> None:
    await converse(client, *INTRODUCED, *steps)


async def test_nothing_comes_after_the_clients_complete(client: Client) -> None:
    """What another subscription of the same socket hears comes later than what must not come."""
    both = (ask("1", STREAM), ask("2", STREAM), something_happens, hear_all_of_it("1", "2"))
    rest = (COMPLETE, something_happens, hear_all_of_it("2"), *GONE_ON)
    await converse(client, *INTRODUCED, *both, *rest)


async def test_a_mutation_that_is_completed_in_flight_is_told_at_most_once(client: Client) -> None:
    workflows = await client.ask("{ project { workflows { nodes { id } } } }")
    given = {"workflowId": workflows["project"]["workflows"]["nodes"][0]["id"], "inputs": {"prompt": "x"}}
    async with acknowledged(client) as talker:
        for place in range(10):
            name = str(place)
            asked = {"id": name, "type": "subscribe", "payload": {"query": START, "variables": {"input": given}}}
            await talker.socket.send(json.dumps(asked))
            await talker.say(id=name, type="complete")
            await talker.ask("after", VIEWER)
            heard = [await talker.hear()]
            while (heard[-1]["id"], heard[-1]["type"]) != ("after", "complete"):
                heard.append(await talker.hear())
            own = [message["type"] for message in heard if message["id"] == name]
            assert own in ([], ["next"], ["next", "complete"])
        await talker.say(type="ping")
        assert await talker.hear() == {"type": "pong"}


async def test_an_answer_says_what_it_cost(client: Client) -> None:
    async with acknowledged(client) as talker:
        await talker.ask("1", VIEWER)
        assert (await talker.hear())["payload"]["extensions"]["cost"]["requested"] >= 1


async def test_a_client_that_says_goodbye_hears_1000(client: Client) -> None:
    async with acknowledged(client) as talker:
        await talker.ask("1", STREAM)
        await talker.socket.close(1000, "Normal Closure")
        assert talker.socket.close_code == 1000
