"""One server for the tests of each file, and a project of its own for each test."""

from collections.abc import AsyncIterator
from itertools import count
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text

from app.parts import Parts
from app.serving import running
from tests.conftest import fresh_database, settings_in
from tests.studio import Client, client_of

_projects = count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Parts, str]]:
    """A running server with its workers, and its address."""
    settings = settings_in(tmp_path_factory.mktemp("server"))
    async with fresh_database() as database_url, running(settings, database_url) as (parts, url):
        yield parts, url


@pytest_asyncio.fixture(loop_scope="module")
async def client(server: tuple[Parts, str]) -> AsyncIterator[Client]:
    """The key of a fresh project."""
    async with client_of(*server, "acme", f"website-{next(_projects)}-{uuid4().hex[:6]}") as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def spy(server: tuple[Parts, str]) -> AsyncIterator[Client]:
    """The same server, seen by another tenant."""
    async with client_of(*server, "rival", "spy") as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def nobody_was_here_before(server: tuple[Parts, str]) -> None:
    """Whatever visitors had generated is long ago."""
    async with server[0].engine.begin() as connection:
        await connection.execute(text("DELETE FROM live_visits"))
