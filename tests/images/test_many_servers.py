"""Several servers over one database: one generation for all, and pictures that are always whole."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from hashlib import sha256

import httpx2
import pytest

from app.settings import Settings
from tests.images.generating import change, ended, made, visited_before
from tests.studio import Client, serving

VISITS = 200


@pytest.fixture
async def clients(settings: Settings, database_url: str) -> AsyncIterator[list[Client]]:
    """Of three servers, one after the other started."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(serving(settings, database_url)) for _ in range(3)]


async def test_cold_visits_to_all_servers_at_once_make_one_generation(clients: list[Client]) -> None:
    async with httpx2.AsyncClient(timeout=60) as http:
        path = "cdn/acme/website/live/hero?prompt=a+cold+start"
        answers = await asyncio.gather(*(http.get(f"{clients[n % 3].url}/{path}") for n in range(VISITS)))
    assert {one.status_code for one in answers} == {200}
    assert len({(one.headers["etag"], one.content) for one in answers}) == 1
    counted = await clients[0].ask("{ project { generations { totalCount } images { totalCount } } }")
    assert counted["project"] == {"generations": {"totalCount": 1}, "images": {"totalCount": 1}}


async def test_an_address_has_one_hour_with_all_servers(clients: list[Client]) -> None:
    await visited_before(clients[0].parts, 6)
    async with httpx2.AsyncClient(timeout=60) as http:
        path = "cdn/acme/website/live/hero?autoEnhance=false&prompt=picture"
        answers = await asyncio.gather(*(http.get(f"{clients[n % 3].url}/{path}+{n}") for n in range(15)))
    assert sorted(one.status_code for one in answers) == [200] * 4 + [429] * 11


async def test_readers_see_the_old_picture_or_the_new_one_and_never_half(clients: list[Client]) -> None:
    one, other, _ = clients
    first = await made(one, "A red kite", aspectRatio="16:9")
    urls = [first["outputImage"][name].replace(one.url, other.url) for name in ("storageUrl", "cdnUrl")]
    seen: set[str] = set()
    done = asyncio.Event()

    async def read(url: str) -> None:
        async with httpx2.AsyncClient() as http:
            while not done.is_set():
                answer = await http.get(url)
                assert answer.status_code == 200
                assert answer.headers["etag"] == f'"{sha256(answer.content).hexdigest()}"'
                seen.add(answer.headers["etag"])

    readers = [asyncio.create_task(read(url)) for url in urls * 2]
    for _ in range(4):
        await change(one, "regenerateGeneration", "Generation", "generation { id }", id=first["id"])
        await ended(one, first["id"])
    done.set()
    await asyncio.gather(*readers)
    assert len(seen) == 5
