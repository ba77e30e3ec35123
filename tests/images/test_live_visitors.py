"""Visitors of live URLs: what an address may have generated, who waits for whom, and who only looks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import httpx2
import pytest
from sqlalchemy import text

from rest.live import MOST_BEGINNING
from tests.engine.crew import until
from tests.images.generating import visited_before
from tests.images.visiting import code_of, visit
from tests.studio import Client

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("nobody_was_here_before")]


async def test_looking_has_nothing_generated(client: Client) -> None:
    path = f"{client.url}/cdn/acme/{client.key.projectSlug}/live/hero"
    looked = await client.http.head(path, params={"prompt": "mountain landscape"})
    assert (looked.status_code, looked.content) == (404, b"")
    counted = await client.ask("{ project { generations { totalCount } runs { totalCount } } }")
    assert counted["project"] == {"generations": {"totalCount": 0}, "runs": {"totalCount": 0}}
    shown = await visit(client)
    looked = await client.http.head(path, params={"prompt": "mountain landscape"})
    assert (looked.status_code, looked.content, looked.headers["etag"]) == (200, b"", shown.headers["etag"])
    assert (looked.headers["x-cache-status"], looked.headers["content-length"]) == ("HIT", str(len(shown.content)))


async def test_visitors_who_wait_for_each_other_hold_few_of_the_servers_connections(client: Client) -> None:
    await visit(client, prompt="shown before")
    async with _nobody_begins(client):
        visits = [asyncio.create_task(visit(client, prompt=f"picture {n}", autoEnhance="false")) for n in range(8)]
        await until(partial(_are_waiting, client, MOST_BEGINNING))
        for _ in range(10):  # meanwhile whatever is there is shown, and nobody else takes a connection
            assert (await visit(client, prompt="shown before")).headers["x-cache-status"] == "HIT"
            assert await _are_waiting(client, MOST_BEGINNING)
        assert not any(one.done() for one in visits)
    assert [one.status_code for one in await asyncio.gather(*visits)] == [200] * 8


@asynccontextmanager
async def _nobody_begins(client: Client) -> AsyncIterator[None]:
    """Who has something generated in the project waits until the end of the block."""
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
    async with client.parts.engine.begin() as connection:
        await connection.execute(lock, {"name": f"live/{client.key.projectId}"})
        yield


async def _are_waiting(client: Client, number: int) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with client.parts.engine.connect() as connection:
        return bool((await connection.execute(text(query))).scalar_one() == number)


async def test_an_address_has_ten_images_generated_in_an_hour_and_no_more(client: Client) -> None:
    await visited_before(client.parts, 7)
    answers = await asyncio.gather(*(visit(client, prompt=f"picture {n}", autoEnhance="false") for n in range(8)))
    assert sorted(one.status_code for one in answers) == [200] * 3 + [429] * 5
    refused = next(one for one in answers if one.status_code == 429)
    seconds = refused.headers["retry-after"]
    assert code_of(refused) == (429, "IP_RATE_LIMIT_EXCEEDED")
    assert refused.json()["error"]["message"] == f"Rate limit exceeded. Try again in {seconds} seconds"
    shown = next(n for n, one in enumerate(answers) if one.status_code == 200)
    assert (await visit(client, prompt=f"picture {shown}", autoEnhance="false")).headers["x-cache-status"] == "HIT"


async def test_nobody_gets_another_hour_by_what_they_say_of_themselves(client: Client) -> None:
    await visited_before(client.parts, 8)
    async with httpx2.AsyncClient(timeout=60) as http:
        path = f"{client.url}/cdn/acme/{client.key.projectSlug}/live/hero"
        statuses = [
            (
                await http.get(
                    path,
                    params={"prompt": f"spoof {number}", "autoEnhance": "false"},
                    headers={"X-Forwarded-For": f"203.0.113.{number}", "Forwarded": f"for=203.0.113.{number}"},
                )
            ).status_code
            for number in range(12)
        ]
    assert statuses == [200] * 2 + [429] * 10


async def test_whom_an_address_is_shared_with_keeps_nobody_waiting(client: Client, spy: Client) -> None:
    async with _nobody_begins(client):
        waiting = asyncio.create_task(visit(client, prompt="of one tenant", autoEnhance="false"))
        await until(partial(_are_waiting, client, 1))
        other = await visit(spy, prompt="of another", autoEnhance="false")
        assert (other.status_code, other.headers["x-cache-status"], waiting.done()) == (200, "MISS", False)
    assert (await waiting).status_code == 200


async def test_an_address_has_one_hour_over_all_projects(client: Client, spy: Client) -> None:
    await visited_before(client.parts, 7)
    visits = [visit(one, prompt=f"together {n}", autoEnhance="false") for n in range(6) for one in (client, spy)]
    assert sorted(one.status_code for one in await asyncio.gather(*visits)) == [200] * 3 + [429] * 9
