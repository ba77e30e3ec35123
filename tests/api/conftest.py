"""A server for each test of the API, and silence: whatever a caller sends, no traceback is logged."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from app.settings import Settings
from tests.studio import Client, client_of, serving


@pytest.fixture
async def client(settings: Settings, database_url: str) -> AsyncIterator[Client]:
    """A running server, and acme's key to it."""
    async with serving(settings, database_url) as one:
        yield one


@pytest.fixture
async def spy(client: Client) -> AsyncIterator[Client]:
    """The same server, seen by another tenant."""
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(client_of(client.parts, client.url, "rival", "spy"))


@pytest.fixture(autouse=True)
def _no_traceback_is_logged(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    printed = capfd.readouterr()
    assert "Traceback" not in printed.out + printed.err
    assert not [record for record in caplog.records if record.exc_info]
