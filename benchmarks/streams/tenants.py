"""What is followed: projects, and runs that nobody works on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.parts import Parts, open_parts
from app.seed import development_key, ensure_tenant
from app.settings import Settings
from benchmarks.chains import Chain
from benchmarks.streams.jobs import Kind, Topic
from benchmarks.streams.servers import Engines
from domain.ids import Id

ORGANIZATION = "bench"
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Studio:
    """`chain` has a project of its own, and makes real runs."""

    parts: Parts
    api_key: str
    chain: Chain
    topics: dict[Kind, list[Topic]]

    async def seqs(self, topics: list[Topic]) -> dict[Id, int]:
        """The number of the newest event of each project, by the database."""
        wanted = {topic.project_id for topic in topics}
        return dict.fromkeys(wanted, 0) | await self.parts.studio.events.newest(wanted)


@asynccontextmanager
async def studio_of(engines: Engines) -> AsyncIterator[Studio]:
    settings = Settings(data_dir=engines.folder / "data", log_format="json", redis_url=engines.redis_url)
    async with open_parts(settings, engines.database_url, "http://127.0.0.1") as parts:
        chain = await Chain.made(parts, "real")
        key = await development_key(parts, ORGANIZATION, "real", "http://127.0.0.1")
        yield Studio(parts, key.apiKey, chain, {})


async def make_topics(studio: Studio, count: int) -> None:
    """So many projects, and as many runs in one of them."""
    parts, taking_turns = studio.parts, asyncio.Semaphore(AT_ONCE)

    async def made(number: int) -> Topic:
        async with taking_turns:
            project = await ensure_tenant(parts, ORGANIZATION, f"stream-{number}")
            run = await runs.start()
            return Topic(project_id=project.id, run_id=run.id)

    runs = await Chain.made(parts, "runs")
    projects = await asyncio.gather(*(made(number) for number in range(count)))
    of_runs = [Topic(project_id=runs.workflow.project_id, run_id=topic.run_id) for topic in projects]
    studio.topics.update({Kind.STREAM: projects, Kind.ENVELOPE: projects, Kind.RUN: of_runs})
