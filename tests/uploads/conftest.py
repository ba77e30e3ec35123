"""A server over each of the two object stores, each over its real thing."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
from pydantic import AnyHttpUrl, SecretStr

from app.parts import Parts, open_parts
from app.settings import Settings
from tests.servers.s3_process import S3Server, start_s3_server
from tests.studio import Client, serving


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with start_s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


def on_s3(settings: Settings, server: S3Server, endpoint: str | None = None) -> Settings:
    """The same settings, with pictures in a bucket of their own."""
    return settings.model_copy(
        update={
            "s3_endpoint": AnyHttpUrl(endpoint or server.endpoint),
            "s3_access_key": server.access_key,
            "s3_secret_key": SecretStr(server.secret_key),
            "s3_bucket": f"test-{uuid4()}",
        }
    )


@pytest.fixture(params=["files", "s3"])
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    return settings if request.param == "files" else on_s3(settings, request.getfixturevalue("s3_server"))


@pytest.fixture
async def client(settings: Settings, database_url: str) -> AsyncIterator[Client]:
    """A running server, and acme's key to it."""
    async with serving(settings, database_url) as one:
        yield one


@pytest.fixture
async def parts(settings: Settings, database_url: str) -> AsyncIterator[Parts]:
    """Everything connected, nothing listening, no worker."""
    async with open_parts(settings, database_url, "http://easel.test") as opened:
        yield opened
