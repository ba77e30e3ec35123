from collections.abc import AsyncIterator

import pytest

from app.parts import open_parts
from app.settings import Settings
from tests.studio import Tenant, tenant


@pytest.fixture
async def owner(settings: Settings, database_url: str) -> AsyncIterator[Tenant]:
    """A tenant whose server may call receivers on this machine."""
    reaching = settings.model_copy(update={"webhook_allow_loopback": True, "webhook_seconds": 2.0})
    async with open_parts(reaching, database_url, "http://easel.test") as parts:
        yield await tenant(parts)
