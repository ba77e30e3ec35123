"""Servers over Valkey, and servers that find nothing but what the bus brings them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.parts import Parts, open_parts
from app.settings import Settings
from tests.servers.valkey_process import ValkeyProcess, start_valkey


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyProcess]:
    with start_valkey(tmp_path / "valkey") as process:
        yield process


@pytest.fixture
async def over_valkey(settings: Settings, database_url: str, valkey: ValkeyProcess) -> AsyncIterator[Parts]:
    chosen = settings.model_copy(update={"redis_url": valkey.url})
    async with open_parts(chosen, database_url, "http://easel.test") as opened:
        yield opened


@pytest.fixture
async def unchecked(settings: Settings, database_url: str, valkey: ValkeyProcess) -> AsyncIterator[Parts]:
    """Over Valkey, and too slow to check: what the bus does not bring does not come within a test."""
    chosen = settings.model_copy(update={"redis_url": valkey.url, "feed_check_seconds": 60})
    async with open_parts(chosen, database_url, "http://easel.test") as opened:
        yield opened
