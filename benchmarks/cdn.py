"""
Pictures over HTTP, beside what could be fastest.

    .venv/bin/python -m benchmarks.cdn [--seconds 2] [--rounds 5] [--nginx PATH]

Prints answers a second, and the server's CPU for each, of a picture of 200 kB by its name and by a live URL that finds
it, and of "you have it" (304): Easel, a bare Starlette that sends the same file or says 304 without a look, and nginx
where it is installed. Then the memory of the server while 200 slow readers download 5 MB each. All are processes of
their own on this machine, asked in turns.
"""

import argparse
import asyncio
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import urllib3
import uvloop
from rich.console import Console
from rich.progress import track
from rich.table import Table
from urllib3.util import Retry

from app.embedded.postgres import embedded_postgres
from app.parts import Parts, open_parts
from app.seed import ensure_tenant
from app.settings import Settings
from benchmarks.http_load import answer_of, asked_for, request_of
from domain.generations import Generation, GenerationStatus
from domain.ids import Id, new_id
from domain.image_commands import UpdateImage
from domain.images import Image, ImageSource
from domain.live_scopes import LiveScope
from domain.live_urls import LiveUrl
from domain.permissions import operator_actor

SMALL, LARGE = f"{new_id()}.png", f"{new_id()}.png"
SIZES = {SMALL: 200_000, LARGE: 5_000_000}
LIVE = LiveUrl(prompt="a mountain")
LIVE_PATH = "/cdn/bench/cdn/live/hero?prompt=a+mountain"
CONNECTIONS = 64
READERS = 200
READ_BYTES, PAUSE_SECONDS = 65_536, 0.05
SAMPLE_SECONDS = 0.05

terminal = Console()


@dataclass(frozen=True, slots=True)
class Server:
    name: str
    pid: int
    port: int
    file: str
    known: dict[str, str]


async def main(arguments: argparse.Namespace, database_url: str, folder: Path) -> None:
    settings = Settings(data_dir=folder / "data", log_format="json")
    async with open_parts(settings, database_url, "http://127.0.0.1") as parts:
        for name, size in SIZES.items():
            data = os.urandom(size)
            (folder / name).write_bytes(data)
            await _put(parts, name, data)
        await _make_live(parts)
    with ExitStack() as stack:
        servers = await _started(stack, arguments.nginx, database_url, folder)
        await _print_rates(servers, arguments)
        await _print_memory(servers)


async def _put(parts: Parts, name: str, data: bytes) -> None:
    project = await ensure_tenant(parts, "bench", "cdn")
    actor = operator_actor(project.organization_id)
    image = Image(
        id=Id(Path(name).stem), organization_id=project.organization_id, project_id=project.id,
        source=ImageSource.UPLOADED, storage_key=name, object_key=name, file_name=name, mime_type="image/png",
        file_size=len(data), file_hash=sha256(data).hexdigest(), width=1_000, height=1_000,
    )  # fmt: skip
    await parts.objects.put(name, data, image.mime_type)
    async with parts.database.begin(actor, UpdateImage(id=image.id), None) as transaction:
        transaction.add(image)


async def _make_live(parts: Parts) -> None:
    """The small picture is what a live URL has generated."""
    project = await ensure_tenant(parts, "bench", "cdn")
    owner = {"organization_id": project.organization_id, "project_id": project.id}
    actor = operator_actor(project.organization_id)
    scope = LiveScope(**owner, slug="hero")
    async with parts.database.begin(actor, UpdateImage(id=scope.id), None) as transaction:
        (image,) = await transaction.find(Image, file_name=SMALL)
        made = Generation(
            **owner, prompt=LIVE.prompt, original_prompt=LIVE.prompt, status=GenerationStatus.SUCCESS,
            output_image_id=image.id, live_scope_id=scope.id, live_key=LIVE.key,
        )  # fmt: skip
        transaction.add(scope, made)


async def _started(stack: ExitStack, nginx: str | None, database_url: str, folder: Path) -> list[Server]:
    easel = {
        "EASEL_DATABASE_URL": database_url,
        "EASEL_DATA_DIR": str(folder / "data"),
        "EASEL_ADDRESS_REQUESTS_PER_MINUTE": "1000000000",
        "MALLOC_ARENA_MAX": "2",  # as ./easel starts it
    }
    module = [sys.executable, "-m"]
    port = _free_port()
    commands = {
        "Easel": ([*module, "app", "serve", "--workers", "0", "--port", str(port)], port, "/cdn/bench/cdn/img/"),
        "bare Starlette": ([*module, "benchmarks.cdn_floor", str(folder), "--port", str(port + 1)], port + 1, "/file/"),
    }
    if nginx:
        commands["nginx"] = ([nginx, "-c", str(_nginx(folder, port + 2)), "-p", str(folder)], port + 2, "/")
    servers = []
    for name, (command, its_port, path) in commands.items():
        pid = stack.enter_context(_process(command, {**os.environ, **easel}))
        await asyncio.to_thread(_until_it_answers, its_port)
        pid = _child_of(pid) if name == "nginx" else pid
        etag = (await _header(its_port, path + SMALL, b"etag")).decode()
        known = {"/304": ""} if name == "bare Starlette" else {path + SMALL: etag}
        servers.append(Server(name, pid, its_port, path, known))
    return servers


def _nginx(folder: Path, port: int) -> Path:
    written = folder / "nginx.conf"
    temporary = "\n".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    written.write_text(f"""
        daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
        events {{ worker_connections 1024; }}
        http {{ {temporary} access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
            server {{ listen 127.0.0.1:{port}; root {folder}; types {{ image/png png; }} }} }}
    """)
    folder.chmod(0o755)
    return written


@contextmanager
def _process(command: list[str], environment: dict[str, str]) -> Iterator[int]:
    with subprocess.Popen(  # noqa: S603 - the commands are our own
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as one:
        try:
            yield one.pid
        finally:
            one.terminate()


def _until_it_answers(port: int) -> None:
    retries = Retry(600, backoff_factor=0.1, backoff_max=0.1)
    urllib3.request("HEAD", f"http://127.0.0.1:{port}/", retries=retries)


async def _header(port: int, path: str, name: bytes) -> bytes:
    answer = await answer_of(port, request_of(path))
    lines = answer.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    return next(value for key, value in (line.split(b": ", 1) for line in lines) if key.lower() == name)


async def _print_rates(servers: list[Server], arguments: argparse.Namespace) -> None:
    asked = {
        "a picture of 200 kB": {one.name: request_of(one.file + SMALL) for one in servers},
        "a live URL that hits": {
            one.name: request_of(LIVE_PATH if one.name == "Easel" else one.file + SMALL) for one in servers
        },
        "304": {
            one.name: request_of(path, **({"If_None_Match": etag} if etag else {}))
            for one in servers
            for path, etag in one.known.items()
        },
    }
    rounds = [(what, one) for _ in range(arguments.rounds) for what in asked for one in servers]
    rates: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for what, one in track(rounds, "Asking"):
        before = _cpu_seconds(one.pid)
        count = await asked_for(arguments.seconds, one.port, asked[what][one.name], CONNECTIONS)
        micros = (_cpu_seconds(one.pid) - before) * 1e6 / max(count.answers, 1)
        rates.setdefault((what, one.name), []).append((count.answers / count.seconds, micros))
    table = Table("what", "server", "answers a second", "of bare Starlette", "CPU µs each", "of bare Starlette")
    for (what, name), measured in rates.items():
        rate, micros = _medians(measured)
        floor_rate, floor_micros = _medians(rates[what, "bare Starlette"])
        table.add_row(
            what, name, f"{rate:.0f}", f"{rate / floor_rate:.2f}", f"{micros:.0f}", f"{micros / floor_micros:.2f}"
        )
    terminal.print(table)


def _medians(values: list[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(rate for rate, _ in values), statistics.median(micros for _, micros in values)


async def _print_memory(servers: list[Server]) -> None:
    table = Table("server", "MiB before", "most MiB", "MiB after", title=f"{READERS} slow readers of 5 MB each")
    for one in servers:
        if one.name == "nginx":
            continue
        before, most = _resident_mib(one.pid), 0.0
        readers = [asyncio.create_task(_read_slowly(one.port, request_of(one.file + LARGE))) for _ in range(READERS)]
        reading = set(readers)
        while reading:
            most = max(most, _resident_mib(one.pid))
            _, reading = await asyncio.wait(reading, timeout=SAMPLE_SECONDS)
        if cut := sum(reader.result() < SIZES[LARGE] for reader in readers):
            sys.exit(f"{cut} downloads were cut")
        table.add_row(one.name, f"{before:.0f}", f"{most:.0f}", f"{_resident_mib(one.pid):.0f}")
    terminal.print(table)


async def _read_slowly(port: int, request: bytes) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=READ_BYTES)
    # What the kernel would take at once is not what a slow network does.
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, READ_BYTES)
    writer.write(request)
    read = 0
    while read < SIZES[LARGE]:
        data = await reader.read(READ_BYTES)
        if not data:
            break
        read += len(data)
        await asyncio.sleep(PAUSE_SECONDS)  # a slow reader
    writer.close()
    return read


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _child_of(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    return int(children[0]) if children else pid


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--nginx", default=shutil.which("nginx"))
    with tempfile.TemporaryDirectory() as directory, embedded_postgres(Path(directory) / "data") as server:
        uvloop.run(main(parser.parse_args(), server.url, Path(directory)))
