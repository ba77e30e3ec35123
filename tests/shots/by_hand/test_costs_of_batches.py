"""What changes cost is taken ahead of them: whoever is refused has changed nothing, whoever is answered has."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text

from app.parts import Parts
from app.serving import running
from rest.generate_ai_concept.bringing import BRING_COST
from rest.generate_ai_concept.house import LOOK_COST
from tests.api_v1.calling import told
from tests.conftest import fresh_database, settings_in
from tests.gateway.stretches import early_in_its_stretch
from tests.shots.by_hand.bringing import KEY, PREFIX, name, payload, post, upload
from tests.studio import Client, client_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOTS, BUDGET = 30, 150
SHOT = {"sequence_id": "SQ0010", "plan": "0010"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Parts, str]]:
    settings = settings_in(tmp_path_factory.mktemp("poor")).model_copy(update={"cost_per_minute": BUDGET})
    async with fresh_database() as database_url, running(settings, database_url) as (parts, url):
        yield parts, url


@pytest_asyncio.fixture(loop_scope="module")
async def poor(server: tuple[Parts, str]) -> AsyncIterator[Client]:
    """Somebody whose budget is untouched, and small."""
    async with client_of(*server, f"poor-{uuid4().hex}") as client:
        actor = await client.parts.identity.of(client.key.apiKey, None, "0" * 32)
        await early_in_its_stretch(f"cost/{actor.organization_id}/{actor.kind}/{actor.subject}")
        yield client


async def rows(client: Client, query: str) -> list[Any]:
    """What the project has, without asking the API."""
    async with client.parts.engine.connect() as connection:
        return list(await connection.scalars(text(query), {"project_id": client.key.projectId}))


async def started(client: Client, shots: int = SHOTS) -> Any:
    return await post(client, body=payload(client, shots))


async def leave(client: Client, amount: int) -> None:
    """So much of the budget is left, whatever was."""
    actor = await client.parts.identity.of(client.key.apiKey, None, "0" * 32)
    meter = client.parts.studio.meter
    left = (await meter.spend(actor, 0)).remaining
    assert (await meter.spend(actor, left - amount)).remaining == amount


async def test_as_many_batches_are_there_as_were_answered_with(poor: Client) -> None:
    answers = [await started(poor) for _ in range(6)]
    assert {answer.status_code for answer in answers} == {202, 429}
    there = {answer.json()["batch_id"] for answer in answers if answer.status_code == 202}
    assert {str(id_) for id_ in await rows(poor, "SELECT id FROM shot_batches WHERE project_id = :project_id")} == there
    refused = answers[-1]
    assert told(refused)[:2] == (429, "RATE_LIMITED")
    assert int(refused.headers["retry-after"]) > 0


async def test_what_is_left_is_enough_for_what_costs_just_so_much(poor: Client) -> None:
    await leave(poor, LOOK_COST + SHOTS)
    assert (await started(poor)).status_code == 202
    assert (await started(poor, 1)).status_code == 429


@pytest.mark.parametrize(
    ("path", "more"),
    [("/cancel", {}), ("/cancel", SHOT), ("/retry", SHOT), ("/mode", {**SHOT, "mode": "manuel"})],
)
async def test_a_change_is_made_once_it_can_be_paid_for_and_not_before(
    poor: Client, path: str, more: dict[str, str]
) -> None:
    batch_id = (await started(poor)).json()["batch_id"]
    if path == "/retry":
        await leave(poor, BUDGET)
        assert (await upload(poor, name(), batch_id=batch_id)).status_code == 200
    before = await rows(poor, _VERSIONS)
    for left, status in ((LOOK_COST + SHOTS - 1, 429), (LOOK_COST + SHOTS, 200)):
        await leave(poor, left)
        assert (await post(poor, path, {"batch_id": batch_id, **more}, headers=KEY)).status_code == status
        is_as_before = await rows(poor, _VERSIONS) == before
        assert is_as_before == (status == 429 or path == "/mode")  # it is by hand already


async def test_a_picture_is_brought_once_it_can_be_paid_for_and_not_before(poor: Client) -> None:
    await started(poor)
    for left, status, pictures in ((LOOK_COST + BRING_COST - 1, 429, 0), (LOOK_COST + BRING_COST, 200, 1)):
        await leave(poor, left)
        assert (await upload(poor, name())).status_code == status
        assert len(await rows(poor, "SELECT id FROM images WHERE project_id = :project_id")) == pictures


async def test_whoever_cannot_pay_for_a_look_is_told_nothing(poor: Client) -> None:
    batch_id = (await started(poor)).json()["batch_id"]
    for path in ("status", "pictures.zip", "manifest.csv"):
        for left, status in ((LOOK_COST + SHOTS - 1, 429), (LOOK_COST + SHOTS, 200)):
            await leave(poor, left)
            answer = await poor.http.get(f"{PREFIX}/{path}", params={"batch_id": batch_id})
            assert answer.status_code == status, path


_VERSIONS = "SELECT version FROM shots WHERE project_id = :project_id ORDER BY id"
