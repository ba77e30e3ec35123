"""Who is present, as a query tells it: to whoever may read the project, and to nobody else."""

from dataclasses import replace

from domain.ids import Id, new_id
from tests.api.asking import workflow_id
from tests.api.people import person, set_member
from tests.studio import Client

PRESENCE = "query($id: ID) { project(id: $id) { presence { connectionId subject name state since version } } }"
PROJECTS = "{ projects { nodes { slug presence { subject } } } }"


async def come(client: Client, subject: str = "ada", name: str | None = "Ada Lovelace") -> Id:
    connection, parts = new_id(), client.parts
    actor = replace(await parts.identity.of(client.key.apiKey, None, "0" * 32), subject=subject, name=name)
    await parts.studio.rooms.say(connection, Id(client.key.projectId), actor, {"node": "prompt"})
    return connection


async def test_a_project_tells_who_is_there_in_the_order_they_came(client: Client) -> None:
    ada, bob = await come(client), await come(client, "bob", None)
    first, second = (await client.ask(PRESENCE))["project"]["presence"]
    assert first == {
        "connectionId": ada,
        "subject": "ada",
        "name": "Ada Lovelace",
        "state": {"node": "prompt"},
        "since": first["since"],
        "version": 1,
    }
    assert (second["connectionId"], second["name"]) == (bob, None)
    client.parts.studio.rooms.leave_all(ada)
    assert [one["subject"] for one in (await client.ask(PRESENCE))["project"]["presence"]] == ["bob"]


async def test_of_another_organizations_project_nobody_is_seen(client: Client, spy: Client) -> None:
    await come(client)
    assert await spy.ask(PRESENCE, id=client.key.projectId) == {"project": None}
    assert (await spy.ask(PROJECTS))["projects"]["nodes"] == [{"slug": "spy", "presence": []}]
    node = "query($id: ID!) { workflow(id: $id) { project { presence { subject } } } }"
    assert await spy.ask(node, id=await workflow_id(client)) == {"workflow": None}


async def test_a_member_sees_who_is_in_their_project_and_in_no_other(client: Client) -> None:
    await come(client)
    await set_member(client, "eve", "VIEWER")
    shop = await client.ask('mutation { createProject(input: {name: "Shop"}) { project { id } } }')
    async with person(client, "eve") as eve:
        assert (await eve.ask(PROJECTS))["projects"]["nodes"] == [{"slug": "website", "presence": [{"subject": "ada"}]}]
        assert await eve.ask(PRESENCE, id=shop["createProject"]["project"]["id"]) == {"project": None}


async def test_many_projects_tell_who_is_there_at_once(client: Client) -> None:
    await come(client)
    for name in ("Shop", "Blog"):
        await client.ask("mutation($n: String!) { createProject(input: {name: $n}) { project { id } } }", n=name)
    found = {one["slug"]: one["presence"] for one in (await client.ask(PROJECTS))["projects"]["nodes"]}
    assert found == {"website": [{"subject": "ada"}], "shop": [], "blog": []}
