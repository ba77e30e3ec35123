"""Who is on a shot: claims of those that wait, how they end, and whom they keep out."""

from typing import Any

import pytest

from domain.permissions import Role
from tests.api.people import person
from tests.shots.by_hand.bringing import UNKNOWN, name, post, shots, started, submit
from tests.studio import Client, GraphQLFailure

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLAIM = "mutation($input: ClaimInput!) { claim(input: $input) { claim { by expiresAt } } }"
RELEASE = "mutation($input: ReleaseClaimInput!) { releaseClaim(input: $input) { claim { by } } }"


async def claimed_by(who: Client, shot: str, **given: Any) -> str:
    by: str = (await who.ask(CLAIM, input={"id": shot, **given}))["claim"]["claim"]["by"]
    return by


async def refused(attempt: Any) -> str:
    with pytest.raises(GraphQLFailure) as caught:
        await attempt
    return caught.value.code


async def test_a_claim_is_told_and_keeps_all_others_out(client: Client) -> None:
    batch_id = await started(client)
    shot = (await shots(client, batch_id))["0010"]["id"]
    async with person(client, "ada", Role.REVIEWER) as ada, person(client, "ben", Role.EDITOR) as ben:
        assert await claimed_by(ada, shot, seconds=60) == "ada"
        assert (await shots(ben, batch_id))["0010"]["claim"] == {"by": "ada"}
        assert await refused(claimed_by(ben, shot)) == "CONFLICT"
        assert await refused(ben.ask(RELEASE, input={"id": shot})) == "CONFLICT"
        told = await submit(ben, name(), batchId=batch_id)
        assert (told["code"], told["message"].startswith("ada is on it until")) == ("CONFLICT", True)
        assert (await submit(ben, name("0020"), batchId=batch_id))["status"] == "DONE"
        assert (await submit(ada, name(), batchId=batch_id))["status"] == "DONE"
    assert (await shots(client, batch_id))["0010"]["claim"] is None


async def test_a_claim_is_handed_over_and_given_back(client: Client) -> None:
    batch_id = await started(client, 1)
    shot = (await shots(client, batch_id))["0010"]["id"]
    async with person(client, "ada", Role.EDITOR) as ada, person(client, "ben", Role.EDITOR) as ben:
        assert await claimed_by(ada, shot, handTo="ben") == "ben"
        assert await refused(claimed_by(ada, shot)) == "CONFLICT"
        await ben.ask(RELEASE, input={"id": shot})
        assert (await shots(ben, batch_id))["0010"]["claim"] is None
        assert await claimed_by(ada, shot) == "ada"


async def test_only_a_shot_that_waits_is_claimed(client: Client, spy: Client) -> None:
    batch_id = await started(client, 1)
    shot = (await shots(client, batch_id))["0010"]["id"]
    assert await refused(claimed_by(spy, shot)) == "NOT_FOUND"
    assert await refused(claimed_by(client, UNKNOWN)) == "NOT_FOUND"
    async with person(client, "viv", Role.VIEWER) as viv:
        assert await refused(claimed_by(viv, shot)) == "FORBIDDEN"
    assert await claimed_by(client, shot)
    await post(client, "/cancel", {"batch_id": batch_id})
    assert await refused(claimed_by(client, shot)) == "STEP_NOT_WAITING"


async def test_the_claim_is_told_live(client: Client) -> None:
    batch_id = await started(client, 1)
    before = (await shots(client, batch_id))["0010"]
    await claimed_by(client, before["id"])
    events = await _events(client, before["id"])
    assert events[-1]["payload"]["claim"]["by"]


async def _events(client: Client, shot: str) -> list[Any]:
    query = "SELECT payload FROM events WHERE subject_id = $1 ORDER BY seq"
    async with client.parts.engine.connect() as connection:
        found = await connection.exec_driver_sql(query, (shot,))
        return [{"payload": row[0]} for row in found]
