"""One measurement: a server, a client's process, and what that tells."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import msgspec

from benchmarks.streams.cases import Case, Measurement, Plan
from benchmarks.streams.jobs import READY, Job, Told, Topic
from benchmarks.streams.servers import Engines, Server, running
from benchmarks.streams.tenants import Studio

CLIENT_SECONDS = 240
_CLIENT = [sys.executable, "-m", "benchmarks.streams.load"]
_WORKER = [sys.executable, "-m", "app", "worker"]


async def measured(case: Case, server: Server, engines: Engines, studio: Studio, seconds: float) -> Measurement:
    topics = studio.topics[case.kind][: case.topics]
    with running(server, engines) as (pid, port):
        job = await _job(case, pid, port, topics, engines, studio, seconds)
        async with _client(job) as client:
            output, _ = await client.communicate()
        return Measurement(case, server.name, _told(output))


async def real_runs(case: Case, server: Server, engines: Engines, studio: Studio, plan: Plan) -> Measurement:
    """Runs of a worker beside the server, one after another."""
    project_id = studio.chain.workflow.project_id
    topics = [Topic(project_id=project_id, run_id=project_id)]  # all of its runs
    with running(server, engines) as (pid, port), _working(engines):
        job = await _job(case, pid, port, topics, engines, studio, plan.seconds)
        async with _client(job) as client:
            output = await client.stdout.readline()
            if output == READY:
                await studio.chain.one()  # by which all find out that they are subscribed
                output = await client.stdout.readline()
            if output == READY:
                events = await _events_of_runs(studio, topics, plan.real_runs)
                output, _ = await client.communicate(b"%d\n" % events)
        return Measurement(case, server.name, _told(output))


async def _events_of_runs(studio: Studio, topics: list[Topic], runs: int) -> int:
    (before,) = (await studio.seqs(topics)).values()
    for _ in range(runs):
        await studio.chain.one()
    (after,) = (await studio.seqs(topics)).values()
    return after - before


async def _job(
    case: Case, pid: int, port: int, topics: list[Topic], engines: Engines, studio: Studio, seconds: float
) -> Job:
    return Job(
        measure=case.measure,
        pid=pid,
        port=port,
        bus_port=int(engines.redis_url.rpartition(":")[2]),
        api_key=studio.api_key,
        kind=case.kind,
        watchers=case.watchers,
        topics=topics,
        seqs=await studio.seqs(topics),
        seconds=seconds,
        stalled=case.stalled,
    )


@asynccontextmanager
async def _client(job: Job) -> AsyncIterator[asyncio.subprocess.Process]:
    """It has its job, and is given so long."""
    client = await asyncio.create_subprocess_exec(*_CLIENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    client.stdin.write(msgspec.json.encode(job) + b"\n")
    try:
        async with asyncio.timeout(CLIENT_SECONDS):
            yield client
            await client.wait()
    finally:
        if client.returncode is None:
            client.kill()


def _told(output: bytes) -> Told:
    lines = output.splitlines()
    return msgspec.json.decode(lines[-1], type=Told) if lines else Told(failure="the client's process ended")


@contextmanager
def _working(engines: Engines) -> Iterator[None]:
    with subprocess.Popen(  # noqa: S603 - the command is our own
        _WORKER, env=engines.environment(0), text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as one:
        try:
            while one.stdout and "Easel works" not in one.stdout.readline():
                pass
            yield
        finally:
            one.terminate()
