from collections.abc import AsyncIterator, Iterator

import pytest

from app.settings import Settings
from tests.engine.crew import paid_studio
from tests.servers.openai_process import OpenAIServer, start_openai_server
from tests.studio import Tenant


@pytest.fixture(scope="session")
def openai_process() -> Iterator[OpenAIServer]:
    with start_openai_server() as server:
        yield server


@pytest.fixture
async def openai_server(openai_process: OpenAIServer) -> AsyncIterator[OpenAIServer]:
    """The server without calls and script."""
    await openai_process.reset()
    yield openai_process
    await openai_process.reset()


@pytest.fixture
async def paying(settings: Settings, database_url: str, openai_server: OpenAIServer) -> AsyncIterator[Tenant]:
    async with paid_studio(settings, database_url, openai_server) as owner:
        yield owner
