"""A running Easel with a graph that makes next to nothing, and a project to make shots in."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from rich.console import Console
from rich.progress import Progress
from sqlalchemy import text

from app.parts import Parts
from app.seed import development_key
from benchmarks.shots_floor import GRAPH, OUTPUT, PICTURE
from domain.assets import AssetType, CreateAsset
from domain.commands import execute
from domain.ids import Id
from domain.permissions import operator_actor
from engine.outbound.sender import authorities_of_the_system
from rest.generate_ai_concept import PREFIX

WORKFLOW = "Nothing.json"
LOOK_SECONDS = 0.1
LIMIT_SECONDS = 300
ORGANIZATION, PROJECT = "bench", "shots"

terminal = Console()


@dataclass(frozen=True, slots=True)
class Studio:
    """A running Easel, asked as a studio would."""

    parts: Parts
    http: httpx2.AsyncClient
    pid: int

    @property
    def cpu_seconds(self) -> float:
        """Of Easel's process, from its beginning."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def start(self, episode: int, shots: int) -> Id:
        plans = [f"{number:04}" for number in range(1, shots + 1)]
        body = {
            "project_id": PROJECT,
            "season": "S02",
            "episode": f"E2{episode:02}",
            "sequences": [{"sequence_id": "SQ0010", "plans": plans}],
            "style": "ombres_chinoises",
            "workflow_json": WORKFLOW,
        }
        return Id((await self.post("", body))["batch_id"])

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        return (await self.http.post(f"{PREFIX}{path}", json=body)).raise_for_status().json()

    async def over(self, batch_id: Id, shots: int, what: str) -> float:
        """Seconds from its start to its last picture."""
        with Progress(console=terminal) as shown:
            bar, ended = shown.add_task(what, total=shots), 0
            async with asyncio.timeout(LIMIT_SECONDS):
                while ended < shots:
                    await asyncio.sleep(LOOK_SECONDS)  # only the table tells
                    done, failed, seconds = (await self.rows(_STANDING, batch_id))[0]
                    ended = done + failed
                    shown.update(bar, completed=ended)
        if failed:
            sys.exit(f"{failed} shots failed")
        return float(seconds)

    async def fail_all(self, batch_id: Id) -> None:
        """As if no shot had got a picture: those that were canceled are not repeated."""
        await self.rows(_FAIL, batch_id)

    async def rows(self, query: str, batch_id: Id) -> list[Any]:
        """Straight from the database, so that looking costs Easel nothing."""
        async with self.parts.engine.begin() as connection:
            result = await connection.execute(text(query), {"id": batch_id})
            return list(result) if result.returns_rows else []


_STANDING = """
    SELECT count(*) FILTER (WHERE shots.status = 'DONE'), count(*) FILTER (WHERE shots.status IN ('ERROR', 'CANCELED')),
        extract(epoch FROM max(shots.updated_at) - min(batch.created_at))
    FROM shots JOIN shot_batches AS batch ON batch.id = shots.batch_id WHERE batch.id = :id
"""
_FAIL = """
    WITH failed AS (UPDATE shots SET status = 'ERROR' WHERE batch_id = :id RETURNING id)
    UPDATE shot_batches SET canceled_at = NULL, in_flight = 0,
        counts = counts || jsonb_build_object('canceled', 0, 'error', (SELECT count(*) FROM failed)) WHERE id = :id
"""


@asynccontextmanager
async def open_studio(
    parts: Parts, database_url: str, comfyui_ports: Sequence[int], workers: int = 8
) -> AsyncIterator[Studio]:
    key = await development_key(parts, ORGANIZATION, PROJECT, "http://127.0.0.1")
    await _keep_graph(parts, key.projectId)
    port = free_port()
    environment = {
        **os.environ,
        "EASEL_DATABASE_URL": database_url,
        "EASEL_DATA_DIR": str(parts.settings.data_dir),
        "EASEL_COMFYUI_URL": ",".join(f"http://127.0.0.1:{one}" for one in comfyui_ports),
        "MALLOC_ARENA_MAX": "2",  # as ./easel starts it
    }
    with _serving(port, workers, environment) as pid:
        headers, authorities = {"X-API-Key": key.apiKey}, authorities_of_the_system()
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=LIMIT_SECONDS, verify=authorities
        ) as http:
            yield Studio(parts, http, pid)


async def _keep_graph(parts: Parts, project_id: str) -> None:
    """Once: a label may stand for one asset alone."""
    organization = await parts.credentials.organization(ORGANIZATION)
    if organization is None:
        sys.exit("the organization is gone")
    actor = operator_actor(organization.id)
    asset = CreateAsset(
        client_mutation_id=f"benchmark of shots in {project_id}",
        project_id=Id(project_id),
        type=AssetType.FILE,
        label=WORKFLOW,
        content=GRAPH,
        metadata={"bindings": {"prompt": f"{PICTURE}.note"}, "output": OUTPUT},
    )
    await execute(parts.database.begin, actor, asset)


@contextmanager
def _serving(port: int, workers: int, environment: dict[str, str]) -> Iterator[int]:
    command = [sys.executable, "-m", "app", "serve", "--port", str(port), "--workers", str(workers)]
    with subprocess.Popen(  # noqa: S603 - the command is our own
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as one:
        try:
            while one.stdout and "Easel is ready" not in (line := one.stdout.readline()):
                if not line:
                    sys.exit("Easel did not start: try ./easel serve")
            yield one.pid
        finally:
            one.terminate()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
