from collections.abc import AsyncIterator

import pytest

from app.settings import Settings
from tests.engine.crew import paid_studio
from tests.servers.openai_process import OpenAIServer
from tests.studio import Tenant


@pytest.fixture
async def paying(settings: Settings, database_url: str, openai_server: OpenAIServer) -> AsyncIterator[Tenant]:
    async with paid_studio(settings, database_url, openai_server) as owner:
        yield owner
