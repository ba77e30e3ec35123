"""What a batch may cost: it pauses and says why, and goes on where it is let."""

from collections.abc import AsyncIterator
from decimal import Decimal
from uuid import uuid4

import pytest
import pytest_asyncio

from app.parts import Parts
from app.serving import running
from app.settings import Settings
from domain.accounts import Account, GrantCredits
from domain.commands import execute
from domain.shots.batch import BatchStatus
from domain.shots.shot import ShotStatus
from tests.conftest import fresh_database
from tests.engine.crew import until
from tests.servers.comfyui_process import ComfyUIProcess
from tests.shots.crew import Studio
from tests.studio import GraphQLFailure, client_of, operator_of, tenant

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOTHING = Decimal(0)
PRICE = Decimal(400)  # of the 1,000 credits that every organization begins with


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory, comfyui: ComfyUIProcess) -> AsyncIterator[tuple[Parts, str]]:
    """A server whose graphs cost something."""
    settings = Settings(
        port=0,
        data_dir=tmp_path_factory.mktemp("server"),
        drain_seconds=2,
        comfyui_url=comfyui.url,
        comfyui_credits=PRICE,
    )
    async with fresh_database() as database_url, running(settings, database_url) as (parts, url):
        yield parts, url


@pytest_asyncio.fixture(loop_scope="module")
async def studio(server: tuple[Parts, str], comfyui: ComfyUIProcess) -> AsyncIterator[Studio]:
    """An organization of its own."""
    parts, url = server
    await comfyui.reset()
    organization = f"studio-{uuid4().hex[:8]}"
    async with client_of(parts, url, organization, "madsea") as client:
        yield Studio(client, await tenant(parts, organization, "madsea"), comfyui)


async def paused(studio: Studio, id_: str, done: int) -> str:
    """Why the batch is paused, once so many of its shots are done."""

    async def is_paused() -> bool:
        batch = await studio.row(id_)
        return batch.status is BatchStatus.PAUSED and batch.counts.done == done

    await until(is_paused)
    return str((await studio.batch(id_))["pausedBecause"])


async def account_of(studio: Studio) -> Account:
    (account,) = await studio.owner.parts.studio.reads.many(Account, studio.owner.actor)
    return account


async def test_a_batch_that_would_cost_more_than_it_may_pauses_and_goes_on_once_it_may(studio: Studio) -> None:
    id_ = await studio.started(maxCredits="400")
    assert await paused(studio, id_, done=1) == (
        "it has cost 400 of 400 credits, and the next picture may cost 400 more"
    )
    with pytest.raises(GraphQLFailure) as refused:
        await studio.change("resumeShotBatch(ResumeShotBatchInput)", id_)
    assert (refused.value.code, refused.value.field) == ("VALIDATION_ERROR", "maxCredits")
    await studio.change("resumeShotBatch(ResumeShotBatchInput)", id_, maxCredits="800")
    await paused(studio, id_, done=2)
    account = await account_of(studio)
    assert (account.available, account.held, (await studio.row(id_)).cost) == (Decimal(200), NOTHING, Decimal(800))


async def test_a_batch_that_the_organization_cannot_pay_waits_for_credits(studio: Studio) -> None:
    id_ = await studio.started()
    assert "200 are available" in await paused(studio, id_, done=2)
    grant = GrantCredits(amount=Decimal(200))
    await execute(studio.owner.parts.database.begin, operator_of(studio.owner), grant)
    await studio.change("resumeShotBatch(ResumeShotBatchInput)", id_)
    batch = await studio.over(id_)
    account = await account_of(studio)
    assert (batch["status"], Decimal(batch["cost"]), account.available, account.held) == (
        "DONE",
        Decimal(1200),
        NOTHING,
        NOTHING,
    )


async def test_what_fails_or_is_called_off_costs_nothing(studio: Studio) -> None:
    await studio.comfyui.script("error:KSampler", "hold")
    id_ = await studio.started()
    await studio.comfyui.prompts(at_least=2)
    await studio.change("cancelShotBatch(ShotBatchInput)", id_)
    batch = await studio.over(id_)
    account = await account_of(studio)
    assert (batch["counts"]["done"], Decimal(batch["cost"])) == (0, NOTHING)
    assert (account.available, account.held) == (Decimal(1000), NOTHING)


async def test_what_a_failed_shot_had_set_aside_is_there_for_the_next(studio: Studio) -> None:
    await studio.comfyui.script("ok", "error:KSampler")
    batch = await studio.over(await studio.started())
    assert (batch["counts"]["done"], batch["counts"]["error"], batch["pausedBecause"]) == (2, 1, None)


async def test_what_a_run_costs_that_was_taken_over_counts_for_its_batch(studio: Studio) -> None:
    await studio.comfyui.script("success-after-interrupt")
    id_ = await studio.started(maxCredits="400", sequences=[{"sequenceId": "SQ0010", "plans": ["0010"]}])
    await studio.comfyui.prompts(at_least=1)
    shot = await studio.until_shot(id_, "SQ0010-0010", ShotStatus.RUNNING)
    for mode in ("MANUAL", "AUTO"):
        await studio.change("setShotMode(SetShotModeInput)", shot.id, mode=mode)

    async def has_settled() -> bool:
        batch = await studio.row(id_)
        return batch.in_flight == 0 and (batch.is_held_back or batch.counts.done == 1)

    await until(has_settled)
    batch, account = await studio.row(id_), await account_of(studio)
    assert batch.cost == Decimal(1_000) - account.available <= Decimal(400)
    assert account.held == NOTHING
