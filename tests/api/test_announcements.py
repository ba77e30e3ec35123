"""Announcements over GraphQL: everybody's to read, and told by those alone to whom that right was given by name."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from domain.announcements import MOST_OPEN
from domain.permissions import Role
from domain.plain import rfc3339
from tests.api.people import person
from tests.studio import Client, GraphQLFailure

ANNOUNCE = """mutation($input: AnnounceInput!) { announce(input: $input) {
  clientMutationId announcement { id level message startsAt endsAt version }
} }"""
END = """mutation($id: ID!) { endAnnouncement(input: {id: $id}) { announcement { id endsAt version } } }"""
CURRENT = "{ announcements { id level message startsAt endsAt version } }"
NODE = "query($id: ID!) { node(id: $id) { ... on Announcement { id message } } }"
CREATE_KEY = "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }"


def at(**later: float) -> str:
    return rfc3339(datetime.now(UTC) + timedelta(**later))


async def announced(client: Client, message: str = "We close at eight", **more: Any) -> dict[str, Any]:
    given = {"level": "warning", "message": message, **more}
    found: dict[str, Any] = (await client.ask(ANNOUNCE, input=given))["announce"]["announcement"]
    return found


async def current(client: Client) -> list[str]:
    return [one["message"] for one in (await client.ask(CURRENT))["announcements"]]


async def code_of(client: Client, query: str, **variables: Any) -> str:
    with pytest.raises(GraphQLFailure) as failure:
        await client.ask(query, **variables)
    return failure.value.code


@asynccontextmanager
async def key_of(client: Client, *scopes: str, **more: Any) -> AsyncIterator[Client]:
    """The server, as a key with these scopes sees it, which this client has made."""
    given = {"name": "Robot", "scopes": list(scopes), **more}
    secret = (await client.ask(CREATE_KEY, input=given))["createApiKey"]["secret"]
    async with httpx2.AsyncClient(base_url=client.url, headers={"X-API-Key": secret}) as http:
        yield Client(client.url, client.key, http, client.parts)


async def test_what_is_announced_is_read_by_everybody_of_every_organization(client: Client, spy: Client) -> None:
    one = await announced(client)
    assert (one["level"], one["message"], one["endsAt"], one["version"]) == ("warning", "We close at eight", None, 1)
    async with key_of(spy, "runs:read") as narrow, person(client, "ada") as nobody:
        for reader in (client, spy, narrow, nobody):
            assert (await reader.ask(CURRENT))["announcements"] == [one]
            assert (await reader.ask(NODE, id=one["id"]))["node"] == {"id": one["id"], "message": one["message"]}


async def test_who_does_not_say_who_they_are_reads_none(client: Client) -> None:
    await announced(client)
    async with httpx2.AsyncClient(base_url=client.url) as http:
        assert (await http.post("/graphql", json={"query": CURRENT})).status_code == 401


async def test_the_newest_comes_first(client: Client) -> None:
    for message in ("one", "two", "three"):
        await announced(client, message)
    assert await current(client) == ["three", "two", "one"]


async def test_ended_it_is_there_no_more_and_ending_it_again_changes_nothing(client: Client) -> None:
    one = await announced(client)
    first, again = [(await client.ask(END, id=one["id"]))["endAnnouncement"]["announcement"] for _ in range(2)]
    assert (first, first["version"]) == (again, 2)
    assert first["endsAt"] >= one["startsAt"]
    assert await current(client) == []
    assert (await client.ask(NODE, id=one["id"]))["node"]["message"] == one["message"]


async def test_before_it_begins_it_is_for_those_alone_who_may_announce(client: Client, spy: Client) -> None:
    given = {"startsAt": at(hours=1), "endsAt": at(hours=2)}
    one = await announced(client, **given)
    assert {name: one[name] for name in given} == given
    assert await current(client) == []
    assert (await client.ask(NODE, id=one["id"]))["node"]["id"] == one["id"]
    assert (await spy.ask(NODE, id=one["id"]))["node"] is None
    ended = (await client.ask(END, id=one["id"]))["endAnnouncement"]["announcement"]
    assert ended == {"id": one["id"], "endsAt": one["startsAt"], "version": 2}
    assert (await spy.ask(NODE, id=one["id"]))["node"] is None


async def test_it_holds_from_its_start_up_to_its_end(client: Client) -> None:
    await announced(client, "past start", startsAt=at(hours=-1), endsAt=at(hours=1))
    await announced(client, "brief", endsAt=at(seconds=0.05))
    while "brief" in await current(client):
        pass
    assert await current(client) == ["past start"]


async def test_a_repeat_with_the_same_key_announces_once(client: Client) -> None:
    once = {"clientMutationId": str(uuid4())}
    assert await announced(client, **once) == await announced(client, **once)
    assert len(await current(client)) == 1
    assert await code_of(client, ANNOUNCE, input={"level": "info", "message": "Other", **once}) == "CONFLICT"


async def test_everything_in_one_organization_does_not_reach_into_the_others(client: Client, spy: Client) -> None:
    one, told = await announced(client), {"level": "info", "message": "Buy from us"}
    async with person(client, "ada", Role.OWNER) as owner, key_of(client, "*") as everything:
        for who in (spy, owner, everything):
            assert await code_of(who, ANNOUNCE, input=told) == "FORBIDDEN"
            assert await code_of(who, END, id=one["id"]) == "FORBIDDEN"
            given = {"name": "Robot", "scopes": ["announcements:write"]}
            assert await code_of(who, CREATE_KEY, input=given) == "FORBIDDEN"
    assert await current(client) == [one["message"]]


async def test_whoever_has_the_right_can_give_it_by_its_name(client: Client) -> None:
    async with key_of(client, "announcements:write") as robot:
        assert (await robot.ask("{ viewer { scopes } }"))["viewer"]["scopes"] == ["announcements:write"]
        one = await announced(robot, "From a robot")
        assert await current(client) == ["From a robot"]
        await robot.ask(END, id=one["id"])
        assert await code_of(robot, "{ projects { totalCount } }") == "FORBIDDEN"
    assert await current(client) == []


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"level": "loud"}, "level"),
        ({"message": ""}, "message"),
        ({"message": "x" * 2_001}, "message"),
        ({"message": "two\nlines"}, "message"),
        ({"endsAt": "2020-01-01T00:00:00Z"}, "endsAt"),
        ({"startsAt": "2020-01-01T00:00:00Z", "endsAt": "2020-01-02T00:00:00Z"}, "endsAt"),
        ({"startsAt": "2030-01-02T00:00:00Z", "endsAt": "2030-01-01T00:00:00Z"}, "endsAt"),
        ({"startsAt": "9999-12-31T23:59:59-14:00"}, "startsAt"),
        ({"startsAt": "0001-01-01T00:00:00+14:00"}, "startsAt"),
        ({"endsAt": "9999-12-31T23:59:59-14:00"}, "endsAt"),
    ],
    ids=str,
)
async def test_an_announcement_that_cannot_be_is_refused(client: Client, wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(GraphQLFailure) as failure:
        await announced(client, **{"message": "Hello", **wrong})
    assert (failure.value.code, failure.value.field) == ("VALIDATION_ERROR", field)


@pytest.mark.parametrize("id_", ["x", "00000000-0000-0000-0000-000000000000", "01890000-0000-7000-8000-000000000000"])
async def test_one_that_is_not_there_is_not_ended(client: Client, id_: str) -> None:
    assert await code_of(client, END, id=id_) == "NOT_FOUND"


async def test_so_many_can_be_open_at_once_and_one_that_ends_makes_room(client: Client) -> None:
    for number in range(MOST_OPEN - 1):
        await announced(client, f"{number}", **({} if number % 2 else {"startsAt": at(hours=1)}))
    one = await announced(client, "last")
    assert await code_of(client, ANNOUNCE, input={"level": "info", "message": "one more"}) == "CONFLICT"
    await client.ask(END, id=one["id"])
    assert (await announced(client, "in its place"))["version"] == 1
