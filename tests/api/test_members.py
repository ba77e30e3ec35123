"""Members over GraphQL: let in, changed and shut out, and what each of them sees."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from domain.ids import Id
from domain.members import MOST_MEMBERS
from domain.permissions import Role
from tests.api.asking import CANCEL, START, add_asset, start, workflow_id
from tests.api.people import SET, person, set_member
from tests.api.talking import Talker, talking
from tests.studio import Client, GraphQLFailure

pytestmark = pytest.mark.asyncio(loop_scope="module")

REMOVE = "mutation($input: RemoveMemberInput!) { removeMember(input: $input) { project { team { subject } } } }"
CREATE = "mutation($name: String!) { createProject(input: {name: $name}) { project { id } } }"
STREAM = """subscription($channels: [ChannelInput!]!, $after: String) {
  stream(channels: $channels, after: $after) { event payload subject { ... on Run { id } } }
}"""
WATCH = "subscription($id: ID!) { runUpdated(id: $id) { id } }"
CREATE_WORKFLOW = "mutation($input: CreateWorkflowInput!) { createWorkflow(input: $input) { workflow { id } } }"
VIEWER = "{ viewer { subject organization { slug } scopes roles { role project { slug } } } }"
SEEN = """{ projects { totalCount nodes { slug
  workflows { totalCount } assets { totalCount } runs { totalCount } images { totalCount }
} } }"""


async def remove_member(client: Client, subject: str) -> list[str]:
    given = {"projectId": client.key.projectId, "subject": subject}
    team = (await client.ask(REMOVE, input=given))["removeMember"]["project"]["team"]
    client.parts.identity._teams.clear()  # else it would take the seconds that it takes
    return [member["subject"] for member in team]


async def another_project(client: Client, name: str = "Shop") -> str:
    """Another project of the organization, with something in it."""
    id_: str = (await client.ask(CREATE, name=name))["createProject"]["project"]["id"]
    await add_asset(client, "secret", projectId=id_)
    return id_


async def code_of(client: Client, query: str, **variables: Any) -> str:
    with pytest.raises(GraphQLFailure) as failure:
        await client.ask(query, **variables)
    return failure.value.code


async def test_a_member_is_added_and_changed_and_removing_again_changes_nothing(client: Client) -> None:
    assert (await set_member(client, "ada", "VIEWER"))["project"]["team"] == [
        {"subject": "ada", "name": None, "role": "VIEWER"}
    ]
    await set_member(client, "ben", "REVIEWER", name="Ben")
    changed = await set_member(client, "ada", "EDITOR", name="Ada")
    kept = await set_member(client, "ada", "OWNER")
    assert changed["project"]["team"][0] == {"subject": "ada", "name": "Ada", "role": "EDITOR"}
    assert kept["project"]["team"][0] == {"subject": "ada", "name": "Ada", "role": "OWNER"}
    assert [await remove_member(client, "ada") for _ in range(2)] == [["ben"], ["ben"]]


async def test_a_repeat_with_the_same_key_gives_the_first_answer(client: Client) -> None:
    once = str(uuid4())
    first, again = [await set_member(client, "ada", "VIEWER", clientMutationId=once) for _ in range(2)]
    assert first == again
    assert again["clientMutationId"] == once


async def test_who_sets_one_member_at_the_same_time_makes_one(client: Client) -> None:
    await asyncio.gather(*(set_member(client, "ada", role) for role in [*Role] * 4))
    assert await remove_member(client, "nobody") == ["ada"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"subject": ""}, "subject"),
        ({"subject": "x" * 256}, "subject"),
        ({"subject": "\x00"}, "subject"),
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
    ],
    ids=str,
)
async def test_a_member_that_cannot_be_is_refused(client: Client, wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(GraphQLFailure) as failure:
        await set_member(client, **{"subject": "ada", "role": "VIEWER", **wrong})
    assert (failure.value.code, failure.value.field) == ("VALIDATION_ERROR", field)


async def test_a_team_has_a_bound(client: Client) -> None:
    for number in range(MOST_MEMBERS):
        await set_member(client, f"p{number}", "VIEWER")
    with pytest.raises(GraphQLFailure) as failure:
        await set_member(client, "one-more", "VIEWER")
    assert failure.value.code == "CONFLICT"
    assert len((await set_member(client, "p0", "EDITOR"))["project"]["team"]) == MOST_MEMBERS


async def test_a_member_sees_their_project_and_what_they_are_in_it(client: Client) -> None:
    shop = await another_project(client)
    await set_member(client, "ada", "VIEWER")
    async with person(client, "ada") as ada:
        assert (await ada.ask(VIEWER))["viewer"] == {
            "subject": "ada",
            "organization": {"slug": client.key.organizationSlug},
            "scopes": [],
            "roles": [{"role": "VIEWER", "project": {"slug": "website"}}],
        }
        projects = (await ada.ask(SEEN))["projects"]
        assert (projects["totalCount"], [one["slug"] for one in projects["nodes"]]) == (1, ["website"])
        assert await ada.ask("query($id: ID!) { project(id: $id) { id } }", id=shop) == {"project": None}
        assert await ada.ask("query($id: ID!) { node(id: $id) { id } }", id=shop) == {"node": None}
        assert await ada.ask('{ project(slug: "shop") { id } }') == {"project": None}


async def test_a_role_is_what_it_is_in_each_project_for_itself(client: Client) -> None:
    shop = await another_project(client)
    await set_member(client, "ada", "VIEWER")
    await set_member(client, "ada", "EDITOR", projectId=shop)
    run, workflow = await start(client), await workflow_id(client)
    async with person(client, "ada") as ada:
        assert await add_asset(ada, "mine", projectId=shop)
        asset = {"projectId": client.key.projectId, "type": "DATASET", "label": "no"}
        create = "mutation($input: CreateAssetInput!) { createAsset(input: $input) { asset { id } } }"
        assert await code_of(ada, create, input=asset) == "FORBIDDEN"
        assert await code_of(ada, START, input={"workflowId": workflow, "inputs": {"prompt": "x"}}) == "FORBIDDEN"
        assert await code_of(ada, CANCEL, id=run["id"]) == "FORBIDDEN"
        assert (await ada.ask("query($id: ID!) { run(id: $id) { id } }", id=run["id"]))["run"]["id"] == run["id"]


async def test_what_signs_callbacks_is_told_to_those_who_may_change_webhooks_of_just_this_project(
    client: Client,
) -> None:
    shop = await another_project(client)
    await set_member(client, "ada", "VIEWER")
    await set_member(client, "ada", "EDITOR", projectId=shop)
    async with person(client, "ada") as ada:
        found = (await ada.ask("{ projects { nodes { slug callbackSecret } } }"))["projects"]["nodes"]
        assert {one["slug"]: one["callbackSecret"] is not None for one in found} == {"shop": True, "website": False}


async def test_a_member_may_start_runs_on_the_organizations_credits_but_not_look_at_them(client: Client) -> None:
    await set_member(client, "ada", "EDITOR")
    async with person(client, "ada") as ada:
        assert (await start(ada))["createdBy"] == "ada"
        for query in (
            "{ viewer { organization { credits { available } } } }",
            "{ ledger { nodes { id } } }",
            "{ apiKeys { nodes { id } } }",
            'mutation { createProject(input: {name: "Mine"}) { project { id } } }',
        ):
            assert await code_of(ada, query) == "FORBIDDEN", query


async def test_an_owner_of_a_project_lets_others_into_it_and_into_no_other(client: Client) -> None:
    shop = await another_project(client)
    await set_member(client, "ada", "OWNER")
    await set_member(client, "ben", "EDITOR")
    async with person(client, "ada") as ada, person(client, "ben") as ben:
        assert [one["subject"] for one in (await set_member(ada, "eve", "OWNER"))["project"]["team"]][-1] == "eve"
        into_shop = {"projectId": shop, "subject": "ada", "role": "VIEWER"}
        assert await code_of(ada, SET, input=into_shop) == "PROJECT_NOT_FOUND"
        assert await code_of(ben, SET, input={**into_shop, "projectId": client.key.projectId}) == "FORBIDDEN"


async def test_nobody_can_give_a_role_that_may_do_more_than_they(client: Client) -> None:
    create = "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }"
    key = {"name": "Robot", "scopes": ["members:write", "members:read", "projects:read"]}
    secret = (await client.ask(create, input=key))["createApiKey"]["secret"]
    async with httpx2.AsyncClient(base_url=client.url, headers={"X-API-Key": secret}) as http:
        robot = Client(client.url, client.key, http, client.parts)
        given = {"projectId": client.key.projectId, "subject": "eve", "role": "VIEWER"}
        assert await code_of(robot, SET, input=given) == "FORBIDDEN"
    assert await remove_member(client, "nobody") == []


async def test_who_was_removed_sees_nothing_any_more(client: Client) -> None:
    await set_member(client, "ada", "OWNER")
    async with person(client, "ada") as ada:
        assert await ada.ask("{ project { slug } }") == {"project": {"slug": "website"}}
        await remove_member(client, "ada")
        assert await code_of(ada, "{ project { slug } }") == "FORBIDDEN"
        assert await code_of(ada, START, input={"workflowId": await workflow_id(client)}) == "FORBIDDEN"


async def test_a_role_in_the_organization_and_memberships_add_up(client: Client) -> None:
    shop = await another_project(client)
    await set_member(client, "ada", "EDITOR", projectId=shop)
    async with person(client, "ada", Role.VIEWER) as ada:
        assert (await ada.ask(SEEN))["projects"]["totalCount"] == 2
        assert await add_asset(ada, "mine", projectId=shop)
        assert await code_of(ada, START, input={"workflowId": await workflow_id(client)}) == "FORBIDDEN"
        assert (await ada.ask(VIEWER))["viewer"]["roles"] == [{"role": "EDITOR", "project": {"slug": "shop"}}]


async def refusal_on_socket(talker: Talker, query: str, **variables: Any) -> str:
    """The code of the error that a subscription ends with."""
    await talker.ask("refused", query, **variables)
    told = await talker.hear()
    if told["type"] == "error":
        return str(told["payload"][0]["extensions"]["code"])
    assert (await talker.hear())["type"] == "complete"
    return str(told["payload"]["errors"][0]["extensions"]["code"])


async def test_a_member_hears_of_their_project_and_of_no_other(client: Client) -> None:
    shop, run = await another_project(client), await start(client)
    await set_member(client, "ada", "REVIEWER", projectId=shop)
    website = {"name": "RUNS", "projectId": client.key.projectId}
    async with person(client, "ada") as ada, acknowledged(client, ada.http.headers["authorization"]) as talker:
        assert await refusal_on_socket(talker, STREAM, channels=[website]) == "PROJECT_NOT_FOUND"
        one_run = {"name": "RUNS", "runId": run["id"]}
        assert await refusal_on_socket(talker, STREAM, channels=[one_run]) == "RUN_NOT_FOUND"
        assert await refusal_on_socket(talker, WATCH, id=run["id"]) == "RUN_NOT_FOUND"

        begun = await start_in(client, shop)
        beginning = client.parts.studio.cursors.write({Id(shop): 0})
        await talker.ask("own", STREAM, channels=[{"name": "RUNS", "projectId": shop}], after=beginning)
        event = (await talker.hear())["payload"]["data"]["stream"]
        assert (event["event"], event["payload"]["id"], event["subject"]) == ("run.updated", begun, {"id": begun})


async def start_in(client: Client, project_id: str) -> str:
    """A run in this project."""
    nodes = [{"id": "a", "kind": "input", "config": {"name": "a"}}]
    given = {"projectId": project_id, "name": "Flow", "nodes": nodes, "edges": []}
    workflow = (await client.ask(CREATE_WORKFLOW, input=given))["createWorkflow"]["workflow"]
    started = await client.ask(START, input={"workflowId": workflow["id"], "inputs": {"a": "x"}})
    run: str = started["startRun"]["run"]["id"]
    return run


@asynccontextmanager
async def acknowledged(client: Client, authorization: str) -> AsyncIterator[Talker]:
    """A socket of whoever has this token."""
    async with talking(client, additional_headers={"Authorization": authorization}) as talker:
        await talker.say(type="connection_init")
        assert await talker.hear() == {"type": "connection_ack"}
        yield talker


async def test_a_namesake_in_another_organization_is_somebody_else(client: Client, spy: Client) -> None:
    await set_member(client, "ada", "OWNER")
    async with person(spy, "ada") as namesake:
        assert await code_of(namesake, "{ projects { nodes { slug } } }") == "FORBIDDEN"
    there = {"projectId": client.key.projectId, "subject": "ada"}
    assert await code_of(spy, SET, input={**there, "role": "VIEWER"}) == "PROJECT_NOT_FOUND"
    assert await code_of(spy, REMOVE, input=there) == "PROJECT_NOT_FOUND"
