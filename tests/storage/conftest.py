"""The two object stores, each over its real thing."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from storage.objects.files import FileObjects
from storage.objects.s3 import S3Objects
from tests.servers.s3_process import S3Server, start_s3_server


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with start_s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
async def s3_objects(s3_server: S3Server) -> S3Objects:
    """A bucket of its own for each test."""
    objects = S3Objects(s3_server.endpoint, s3_server.access_key, s3_server.secret_key, f"test-{uuid4()}")
    await objects.ensure_bucket()
    return objects


@pytest.fixture
def file_objects(tmp_path: Path) -> FileObjects:
    return FileObjects(tmp_path / "objects")


@pytest.fixture(params=["file_objects", "s3_objects"])
def objects(request: pytest.FixtureRequest) -> FileObjects | S3Objects:
    store: FileObjects | S3Objects = request.getfixturevalue(request.param)
    return store
