"""Providers that can be asked what became of a job: what a lost worker had begun is waited for, not begun anew."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import uuid4

import httpx2
import pytest

from app.parts import Parts
from domain.errors import ErrorCode
from domain.execution import NoteJob
from domain.offers import Offers
from domain.providers import GeneratedPicture, ImageAnswer, ImageRequest, ProviderError, Recovery, Terms
from domain.runs import Run
from engine.worker import Worker
from storage.transaction import Database
from storage.turns import know_providers
from tests.engine.crew import (
    a_picture,
    a_reconciler,
    a_worker,
    as_engine,
    images_of,
    run_of,
    steps_of,
    work_off,
    work_up_to,
)
from tests.engine.repeating import execute_sql
from tests.engine.reviews import code_of
from tests.servers.picture_house import PictureHouse, open_picture_house
from tests.studio import Tenant, tenant

TERMS = Terms(provider="picture-house", model="brush", price=Decimal(2), recovery=Recovery.LOOKUP)


@dataclass(frozen=True, slots=True)
class PictureHouseProvider:
    """Implements `domain.providers.ImageProvider`."""

    origin: str
    image_terms: Terms = TERMS

    async def make_images(self, request: ImageRequest) -> ImageAnswer:
        async with httpx2.AsyncClient(base_url=self.origin, trust_env=False, timeout=60) as house:
            job_id = request.call.job_id
            if job_id is None or await self._state(house, job_id) in {None, "failed"}:
                job_id = uuid4().hex
                await request.call.note_job(job_id)
                if (await house.put(f"/jobs/{job_id}")).status_code != 202:
                    raise ProviderError(ErrorCode.PROVIDER_FAILED, "The house is closed", retryable=True)
            if await self._state(house, job_id) != "done":
                raise ProviderError(ErrorCode.PROVIDER_FAILED, "The house failed", retryable=True)
            picture = (await house.get(f"/jobs/{job_id}/picture")).content
        return ImageAnswer((GeneratedPicture(picture),), TERMS.model, TERMS.price)

    async def _state(self, house: httpx2.AsyncClient, job_id: str) -> str | None:
        """Once the job is no longer at work; None where nobody knows it."""
        answer = await house.get(f"/jobs/{job_id}")
        return None if answer.status_code == 404 else str(answer.json()["state"])


@pytest.fixture
def house() -> Iterator[PictureHouse]:
    with open_picture_house() as opened:
        yield opened


@pytest.fixture
async def asking(parts: Parts, house: PictureHouse) -> Tenant:
    """A tenant whose pictures are made by the picture house."""
    await know_providers(parts.engine, {TERMS.provider})
    offers = Offers(image=TERMS, text=parts.studio.offers.text)
    database = Database(parts.engine, parts.database.tell, replace(parts.database.world, offers=offers))
    toolbox = replace(parts.toolbox, image_provider=PictureHouseProvider(house.origin))
    return await tenant(replace(parts, database=database, toolbox=toolbox))


async def _dies_waiting(owner: Tenant, house: PictureHouse) -> Run:
    """A run whose worker went away, without a word, while the house was at work."""
    worker, run = a_worker(owner.parts), await a_picture(owner)
    job = await work_up_to(owner.parts, worker, owner, run, "draw")
    await _cut_off(worker, asyncio.create_task(worker.do(job)), house)
    await execute_sql(owner, "UPDATE steps SET lease_until = now() - interval '1 second' WHERE status = 'RUNNING'")
    await a_reconciler(owner.parts).reconcile()
    return run


async def _cut_off(worker: Worker, doing: "asyncio.Task[None]", house: PictureHouse) -> None:
    await asyncio.to_thread(house.wait_for_jobs, 1)
    doing.cancel()
    with suppress(asyncio.CancelledError):
        await doing
    assert worker.attempts == {}


async def test_the_job_of_a_lost_worker_is_waited_for_by_the_next(asking: Tenant, house: PictureHouse) -> None:
    run = await _dies_waiting(asking, house)
    step = (await steps_of(asking, run))["draw"]
    assert (step.status, step.attempt, step.job_id) == ("QUEUED", 1, house.begun[0])

    house.settle("done")
    await work_off(asking.parts, a_worker(asking.parts))
    over, step = await run_of(asking, run), (await steps_of(asking, run))["draw"]
    assert (over.status, over.cost, step.attempt, len(house.begun)) == ("SUCCEEDED", Decimal(2), 2, 1)
    assert len(await images_of(asking, run)) == 1


@pytest.mark.parametrize("state", ["failed", None])
async def test_a_job_that_failed_or_was_forgotten_is_begun_anew(
    asking: Tenant, house: PictureHouse, state: str | None
) -> None:
    run = await _dies_waiting(asking, house)
    house.settle(state)
    async with asyncio.TaskGroup() as group:
        group.create_task(work_off(asking.parts, a_worker(asking.parts)))
        await asyncio.to_thread(house.wait_for_jobs, 2)
        house.settle("done")
    assert (await run_of(asking, run)).status == "SUCCEEDED"
    assert (await steps_of(asking, run))["draw"].job_id == house.begun[1]


async def test_a_job_is_noted_before_the_provider_hears_of_it(asking: Tenant, house: PictureHouse) -> None:
    house.is_open = False
    worker, run = a_worker(asking.parts), await a_picture(asking)
    await worker.do(await work_up_to(asking.parts, worker, asking, run, "draw"))
    step = (await steps_of(asking, run))["draw"]
    assert (step.status, house.begun) == ("QUEUED", [])
    assert step.job_id is not None


async def test_a_stale_worker_notes_nothing(asking: Tenant, house: PictureHouse) -> None:
    run = await _dies_waiting(asking, house)
    step = (await steps_of(asking, run))["draw"]
    late = NoteJob(run_id=run.id, step_id=step.id, epoch=step.epoch, job_id="another")
    assert await code_of(as_engine(asking, late)) == ErrorCode.CONFLICT
    assert (await steps_of(asking, run))["draw"].job_id == step.job_id
