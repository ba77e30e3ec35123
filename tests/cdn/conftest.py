"""A server over each of the two object stores, and silence: whatever is asked for, no traceback is logged."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from pydantic import SecretStr

from app.settings import Settings
from tests.cdn.showing import Gallery, gallery
from tests.conftest import fresh_database, settings_in
from tests.servers.s3_process import S3Server, start_s3_server


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with start_s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def s3_settings(settings: Settings, s3_server: S3Server) -> Settings:
    """A bucket of its own for each test."""
    return Settings(
        **{
            **settings.model_dump(exclude_unset=True),
            "s3_endpoint": s3_server.endpoint,
            "s3_access_key": s3_server.access_key,
            "s3_secret_key": SecretStr(s3_server.secret_key),
            "s3_bucket": f"test-{uuid4()}",
        }
    )


@pytest.fixture
async def shown(settings: Settings, database_url: str) -> AsyncIterator[Gallery]:
    """A server with one picture, kept as a file."""
    async with gallery(settings, database_url) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def seen_by_many(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gallery]:
    """The same for the tests of a file that only look."""
    settings = settings_in(tmp_path_factory.mktemp("gallery"))
    async with fresh_database() as database_url, gallery(settings, database_url) as one:
        yield one


@pytest.fixture(params=["settings", "s3_settings"])
async def everywhere(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Gallery]:
    """The same over both object stores."""
    async with gallery(request.getfixturevalue(request.param), database_url) as one:
        yield one


@pytest.fixture(autouse=True)
def _no_traceback_is_logged(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[None]:
    yield
    printed = capfd.readouterr()
    assert "Traceback" not in printed.out + printed.err
