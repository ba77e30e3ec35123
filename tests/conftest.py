"""Real engines for every test: one PostgreSQL for the run, a fresh database for each test that asks for one."""

import asyncio
import gc
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from app.embedded.postgres import embedded_postgres
from app.parts import Parts, open_parts
from app.settings import Settings
from storage.migrate import migrate
from storage.pool import asyncpg_url, create_engine
from tests.servers.comfyui_process import ComfyUIProcess, start_comfyui
from tests.servers.openai_process import OpenAIServer, start_openai_server

URL_VARIABLE = "EASEL_TEST_DATABASE_URL"
TEMPLATE = "easel_template"
SKETCH_SIDE_PIXELS = 256  # what is drawn in tests is looked at by few

_open = ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """Start PostgreSQL in the process that lives longest; the workers of xdist find it by the variable."""
    if hasattr(config, "workerinput"):
        return
    if URL_VARIABLE not in os.environ:
        directory = Path(tempfile.mkdtemp(prefix="easel-tests-"))
        _open.callback(shutil.rmtree, directory, ignore_errors=True)
        os.environ[URL_VARIABLE] = _open.enter_context(embedded_postgres(directory, durable=False)).url
        _open.callback(os.environ.pop, URL_VARIABLE)
    asyncio.run(_make_template())


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Thousands of tests stay until the end: the collector need not look at them again and again."""
    gc.disable()
    yield
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_unconfigure(config: pytest.Config) -> None:
    _open.close()


async def _make_template() -> None:
    await _execute(f"DROP DATABASE IF EXISTS {TEMPLATE}", f"CREATE DATABASE {TEMPLATE}")
    engine = create_engine(_url_of(TEMPLATE), connections=2)
    await migrate(engine)
    await engine.dispose()


async def _execute(*statements: str) -> None:
    connection = await asyncpg.connect(asyncpg_url(os.environ[URL_VARIABLE]))
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


def _url_of(name: str) -> str:
    return f"{os.environ[URL_VARIABLE].rpartition('/')[0]}/{name}"


@pytest.fixture
async def database_url() -> AsyncIterator[str]:
    """A database of this test alone, at the newest schema."""
    async with fresh_database() as url:
        yield url


@asynccontextmanager
async def fresh_database() -> AsyncIterator[str]:
    """A database at the newest schema, gone afterwards."""
    name = f"easel_{uuid4().hex}"
    await _execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    yield _url_of(name)
    # Without FORCE: it waits for those who leave, and may end autovacuum, which is not ours to terminate.
    await _execute(f"DROP DATABASE {name}")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a server of this test alone."""
    return settings_in(tmp_path)


def settings_in(folder: Path) -> Settings:
    """A free port, fast leases, small sketches."""
    return Settings(
        port=0,
        data_dir=folder / "data",
        lease_seconds=2,
        drain_seconds=2,
        feed_check_seconds=0.2,
        sketch_side_pixels=SKETCH_SIDE_PIXELS,
    )


@pytest.fixture
async def parts(settings: Settings, database_url: str) -> AsyncIterator[Parts]:
    """Everything connected, nothing listening, no worker."""
    async with open_parts(settings, database_url, "http://easel.test") as opened:
        yield opened


@asynccontextmanager
async def parts_of_many(factory: pytest.TempPathFactory) -> AsyncIterator[Parts]:
    """The same for several tests, each with a tenant of its own."""
    async with (
        fresh_database() as url,
        open_parts(settings_in(factory.mktemp("parts")), url, "http://easel.test") as one,
    ):
        yield one


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


@pytest.fixture(scope="session")
def comfyui_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyUIProcess]:
    with start_comfyui(tmp_path_factory.mktemp("comfyui")) as process:
        yield process


@pytest.fixture
async def comfyui_server(comfyui_process: ComfyUIProcess) -> AsyncIterator[ComfyUIProcess]:
    """The server without prompts, files and script."""
    await comfyui_process.reset()
    yield comfyui_process
    await comfyui_process.reset()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set on the machine must not change what is tested."""
    for name in list(os.environ):
        if (name.startswith("EASEL_") and name != URL_VARIABLE) or name.startswith("OPENAI_"):
            monkeypatch.delenv(name)
