"""Servers for tests of the API, and silence: whatever a caller sends, no traceback is logged."""

from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest
import pytest_asyncio

from app.parts import Parts
from app.serving import running
from app.settings import Settings
from tests.conftest import fresh_database, settings_in
from tests.studio import Client, client_of, serving

_organizations = count(1)


@pytest.fixture
def client(request: pytest.FixtureRequest) -> Client:
    """
    A running server, and an organization's key to it.

    Tests of a file whose event loop lasts for the file share one server, each with an organization of its own.
    """
    one: Client = request.getfixturevalue("newcomer" if _shares(request) else "alone")
    return one


@pytest.fixture
def spy(request: pytest.FixtureRequest) -> Client:
    """The same server, seen by another tenant."""
    one: Client = request.getfixturevalue("next_newcomer" if _shares(request) else "rival")
    return one


def _shares(request: pytest.FixtureRequest) -> bool:
    mark = request.node.get_closest_marker("asyncio")
    return mark is not None and mark.kwargs.get("loop_scope") == "module"


@pytest.fixture
async def alone(settings: Settings, database_url: str) -> AsyncIterator[Client]:
    """A server of this test alone, and acme's key to it."""
    async with serving(settings, database_url) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Parts, str]]:
    """A running server with its workers, and its address."""
    settings = settings_in(tmp_path_factory.mktemp("server"))
    async with fresh_database() as database_url, running(settings, database_url) as (parts, url):
        yield parts, url


@pytest_asyncio.fixture(loop_scope="module")
async def newcomer(server: tuple[Parts, str]) -> AsyncIterator[Client]:
    """The key of an organization that nobody has seen before."""
    async with client_of(*server, f"acme-{next(_organizations)}") as one:
        yield one


@pytest.fixture
async def rival(alone: Client) -> AsyncIterator[Client]:
    async with client_of(alone.parts, alone.url, "rival", "spy") as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def next_newcomer(server: tuple[Parts, str]) -> AsyncIterator[Client]:
    async with client_of(*server, f"rival-{next(_organizations)}", "spy") as one:
        yield one


@pytest.fixture(autouse=True)
def _no_traceback_is_logged(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    printed = capfd.readouterr()
    assert "Traceback" not in printed.out + printed.err
    assert not [record for phase in ("setup", "call") for record in caplog.get_records(phase) if record.exc_info]
