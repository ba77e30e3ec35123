"""One server with a ComfyUI for the tests of each file, and a project of its own for each test."""

from collections.abc import AsyncIterator, Iterator
from itertools import count
from uuid import uuid4

import pytest
import pytest_asyncio

from app.parts import Parts
from app.serving import running
from app.settings import Settings
from tests.conftest import fresh_database
from tests.servers.comfyui_process import ComfyUIProcess, start_comfyui
from tests.shots.crew import Studio
from tests.studio import client_of, tenant

_projects = count(1)


@pytest.fixture(scope="module")
def comfyui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyUIProcess]:
    loras = ("--lora", "ombres_chinoises.safetensors", "--lora", "labo.safetensors")
    with start_comfyui(tmp_path_factory.mktemp("comfyui"), *loras) as process:
        yield process


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory, comfyui: ComfyUIProcess) -> AsyncIterator[tuple[Parts, str]]:
    """A running server with its workers, which asks ComfyUI, and its address."""
    settings = Settings(
        port=0,
        data_dir=tmp_path_factory.mktemp("server"),
        lease_seconds=2,
        drain_seconds=2,
        feed_check_seconds=0.2,
        comfyui_url=comfyui.url,
    )
    async with fresh_database() as database_url, running(settings, database_url) as (parts, url):
        yield parts, url


@pytest_asyncio.fixture(loop_scope="module")
async def studio(server: tuple[Parts, str], comfyui: ComfyUIProcess) -> AsyncIterator[Studio]:
    """The key of a fresh project, and what does its work."""
    parts, url = server
    await comfyui.reset()
    slug = f"madsea-{next(_projects)}-{uuid4().hex[:6]}"
    async with client_of(parts, url, "acme", slug) as client:
        yield Studio(client, await tenant(parts, "acme", slug), comfyui)
