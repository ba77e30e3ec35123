"""Money: quoted, held, charged and given back, each once, whatever happens in between."""

import asyncio
import os
import random
from decimal import Decimal

import pytest
from sqlalchemy import text

from app.parts import Parts
from app.seed import WELCOME_CREDITS
from domain.accounts import Account, EntryKind, GrantCredits, LedgerEntry
from domain.commands import execute
from domain.errors import DomainError, ErrorCode
from domain.run_commands import CancelRun, RetryRun, StartRun
from domain.runs import Run
from domain.waiting import SubmitStep
from tests.engine.crew import (
    a_picture,
    a_run,
    a_worker,
    a_workflow,
    edges,
    jobs_of,
    node,
    run_of,
    start,
    steps_of,
    work_off,
    work_up_to,
)
from tests.servers.openai_process import OpenAIServer
from tests.studio import Tenant, operator_of

WELCOME = float(WELCOME_CREDITS)
RACES = int(os.environ.get("EASEL_TEST_RACES", "20"))
PICTURE = [node("ask", "input", name="prompt"), node("draw", "generate_image", cache=False), node("show", "output")]


async def account_of(owner: Tenant) -> Account:
    (account,) = await owner.parts.studio.reads.many(Account, owner.actor)
    return account


async def ledger_of(owner: Tenant) -> list[LedgerEntry]:
    return (await owner.parts.studio.reads.many(LedgerEntry, owner.actor))[::-1]


async def balances(owner: Tenant) -> tuple[float, float]:
    """What is available and what is held; the ledger must add up to the first."""
    account, entries = await account_of(owner), await ledger_of(owner)
    assert sum(entry.amount for entry in entries) == account.available
    assert entries[-1].balance_after == account.available
    return float(account.available), float(account.held)


async def leave(owner: Tenant, credits_: int, monthly_quota: Decimal | None = None) -> None:
    """The account as if all but these were spent."""
    async with owner.parts.engine.begin() as connection:
        await connection.execute(text("UPDATE accounts SET available = :left"), {"left": credits_})
        await connection.execute(text("UPDATE ledger SET amount = :left, balance_after = :left"), {"left": credits_})
    grant = GrantCredits(amount=Decimal(0), monthly_quota=monthly_quota)
    await execute(owner.parts.database.begin, operator_of(owner), grant)


async def refused_start(owner: Tenant) -> DomainError:
    with pytest.raises(DomainError) as refused:
        await a_picture(owner)
    return refused.value


async def test_a_run_holds_its_quote_and_pays_what_it_cost(paying: Tenant) -> None:
    run = await a_picture(paying, count=3)
    assert await balances(paying) == (WELCOME - 3, 3)
    await work_off(paying.parts, a_worker(paying.parts))
    assert (await run_of(paying, run)).cost == 3
    assert await balances(paying) == (WELCOME - 3, 0)
    kinds = [entry.kind for entry in await ledger_of(paying)]
    assert kinds == [EntryKind.GRANT, EntryKind.HOLD, EntryKind.RELEASE, EntryKind.CHARGE]


async def test_what_was_made_before_is_neither_held_nor_charged(paying: Tenant) -> None:
    workflow = await a_workflow(
        paying, [PICTURE[0], node("draw", "generate_image"), PICTURE[2]], edges("ask>draw", "draw>show")
    )
    for _ in range(2):
        await start(paying, workflow, prompt="A kite")
        await work_off(paying.parts, a_worker(paying.parts))
    assert await balances(paying) == (WELCOME - 1, 0)


async def test_free_work_leaves_no_entry(parts: Parts) -> None:
    from tests.studio import tenant  # noqa: PLC0415 - the sketch provider's tenant, in this test alone

    owner = await tenant(parts)
    await a_picture(owner)
    await work_off(parts, a_worker(parts))
    assert [entry.kind for entry in await ledger_of(owner)] == [EntryKind.GRANT]


async def test_without_credits_nothing_is_started(paying: Tenant, openai_server: OpenAIServer) -> None:
    await leave(paying, 0)
    refused = await refused_start(paying)
    assert (refused.code, refused.details["required"]) == (ErrorCode.INSUFFICIENT_CREDITS, "1")
    assert await jobs_of(paying.parts) == []
    assert await paying.parts.studio.reads.many(Run, paying.actor) == []
    assert await openai_server.requests() == []


async def test_a_plan_bounds_what_is_spent_in_a_month(paying: Tenant) -> None:
    await leave(paying, 100, monthly_quota=Decimal(2))
    for _ in range(2):
        await start(paying, await a_workflow(paying, PICTURE, edges("ask>draw", "draw>show")), prompt="A kite")
        await work_off(paying.parts, a_worker(paying.parts))
    assert (await refused_start(paying)).code is ErrorCode.QUOTA_EXCEEDED
    async with paying.parts.engine.begin() as connection:
        await connection.execute(text("UPDATE accounts SET month = '2020-01'"))
    assert await a_picture(paying)


async def test_a_retry_holds_what_is_left_to_do_and_nothing_starts_without(
    paying: Tenant, openai_server: OpenAIServer
) -> None:
    nodes = [*PICTURE[:2], node("again", "generate_image", cache=False, count=2), node("show", "output")]
    run = await a_run(paying, nodes, edges("ask>draw", "ask>again", "draw>show"), prompt="A kite")
    await openai_server.script("ok", "policy")
    worker = a_worker(paying.parts)
    for _ in range(4):
        for job in await jobs_of(paying.parts):
            await worker.do(job)
    failed = await run_of(paying, run)
    assert failed.status == "FAILED"
    left = 3 - int(failed.cost)
    available, _ = await balances(paying)
    again = await paying.do(RetryRun(id=run.id))
    assert await balances(paying) == (available - left, left)
    await paying.do(CancelRun(id=again.id))
    await leave(paying, 0)
    for failed_only in (True, False):
        with pytest.raises(DomainError) as refused:
            await paying.do(RetryRun(id=run.id, failed_only=failed_only))
        assert refused.value.code is ErrorCode.INSUFFICIENT_CREDITS


async def test_a_step_that_failed_costs_nothing(paying: Tenant, openai_server: OpenAIServer) -> None:
    await openai_server.script("policy")
    run = await a_picture(paying)
    await work_off(paying.parts, a_worker(paying.parts))
    assert (await run_of(paying, run)).status == "FAILED"
    assert await balances(paying) == (WELCOME, 0)


async def test_what_is_canceled_before_it_began_costs_nothing(paying: Tenant) -> None:
    run = await a_picture(paying)
    await paying.do(CancelRun(id=run.id))
    assert await balances(paying) == (WELCOME, 0)


async def test_parallel_spends_never_go_beyond_the_budget(paying: Tenant) -> None:
    await leave(paying, 50)
    workflow = await a_workflow(paying, PICTURE, edges("ask>draw", "draw>show"))
    command = StartRun(workflow_id=workflow.id, inputs={"prompt": "A kite"})
    started = await asyncio.gather(*(paying.do(command) for _ in range(200)), return_exceptions=True)
    refused = [one for one in started if isinstance(one, DomainError)]
    assert {error.code for error in refused} == {ErrorCode.INSUFFICIENT_CREDITS}
    assert (len(started) - len(refused), await balances(paying)) == (50, (0, 50))


@pytest.mark.timeout(120 + RACES)
async def test_a_cancel_that_races_the_end_charges_all_or_nothing(paying: Tenant) -> None:
    await execute(paying.parts.database.begin, operator_of(paying), GrantCredits(amount=Decimal(RACES)))
    workflow = await a_workflow(paying, PICTURE, edges("ask>draw", "draw>show"))
    worker, spent = a_worker(paying.parts), 0.0
    for number in range(RACES):
        run = await start(paying, workflow, prompt="A kite")
        job = await work_up_to(paying.parts, worker, paying, run, "draw")
        pause = random.Random(number).uniform(0, 0.05)  # noqa: S311 - the same in each test run
        await asyncio.gather(worker.do(job), _cancel_after(paying, run, pause))
        await work_off(paying.parts, worker)
        done = await run_of(paying, run)
        if not done.is_finished:
            await _settle(paying, run)
        cost = float((await run_of(paying, run)).cost)
        assert cost in {0.0, 1.0}
        spent += cost
        assert await balances(paying) == (WELCOME + RACES - spent, 0)


async def _cancel_after(owner: Tenant, run: Run, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await owner.do(CancelRun(id=run.id))


async def _settle(owner: Tenant, run: Run) -> None:
    """A call that was cut off may have been charged: a person says that it was not."""
    step = (await steps_of(owner, run))["draw"]
    assert step.form is not None
    await owner.do(SubmitStep(step_id=step.id, token=step.form.token, decision="fail"))


async def test_a_map_whose_copies_cost_more_than_there_is_waits_for_credits(paying: Tenant) -> None:
    await leave(paying, 2)
    inner = {
        "nodes": [
            {"id": "words", "kind": "input", "config": {"name": "words"}},
            {"id": "draw", "kind": "generate_image", "config": {"cache": False}},
            {"id": "picture", "kind": "output", "config": {"name": "picture"}},
        ],
        "edges": [{"source": "words", "target": "draw"}, {"source": "draw", "target": "picture"}],
    }
    nodes = [node("ask", "input", name="prompt", type="json"), node("each", "map", **inner), node("show", "output")]
    workflow = await a_workflow(paying, nodes, edges("ask>each.words", "each.picture>show"))
    run = await start(paying, workflow, prompt=["A kite", "A boat", "A cow"])
    await work_off(paying.parts, a_worker(paying.parts))
    assert (await run_of(paying, run)).status == "WAITING"
    waiting = next(step for step in (await steps_of(paying, run)).values() if step.status == "WAITING")
    assert waiting.form is not None
    assert waiting.form.question.decisions == ("retry", "cancel")

    await execute(paying.parts.database.begin, operator_of(paying), GrantCredits(amount=Decimal(5)))
    await paying.do(SubmitStep(step_id=waiting.id, token=waiting.form.token, decision="retry"))
    await work_off(paying.parts, a_worker(paying.parts))
    done = await run_of(paying, run)
    assert (done.status, float(done.cost)) == ("SUCCEEDED", 3.0)
    assert await balances(paying) == (4, 0)
