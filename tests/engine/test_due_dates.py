"""Forms that nobody answers in time: each ends as its workflow says."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.parts import Parts
from domain.errors import DomainError, ErrorCode
from domain.runs import Run
from domain.waiting import SubmitStep, TimeOutStep
from engine.reconciler import Reconciler
from tests.engine.crew import (
    a_reconciler,
    a_worker,
    as_engine,
    events_of,
    run_of,
    statuses_of,
    steps_of,
    until_step,
    work_off,
)
from tests.engine.reviews import a_review, claim, code_of, form_of, let_time_pass, person, submit, waiting
from tests.studio import Tenant, tenant

WORDS = {"type": "object", "properties": {"words": {"type": "string"}}, "required": ["words"]}


async def unanswered(owner: Tenant, **config: Any) -> Run:
    """A review's run after its time was up and all was done that follows from it."""
    run = await a_review(owner, **{"dueSeconds": 3600, **config})
    await let_time_pass(owner, await waiting(owner, run))
    await a_reconciler(owner.parts).reconcile()
    await work_off(owner.parts, a_worker(owner.parts))
    return await run_of(owner, run)


async def test_a_form_without_an_answer_fails_its_run(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await unanswered(owner)
    assert (run.status, run.error and run.error.code) == ("FAILED", ErrorCode.DEADLINE_EXCEEDED)
    assert run.error is not None
    assert (run.error.node_id, "'Look'" in run.error.message) == ("look", True)
    assert await statuses_of(owner, run) == {"ask": "SUCCEEDED", "look": "FAILED", "show": "SKIPPED"}


async def test_a_form_without_an_answer_is_approved_where_the_workflow_says_so(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await unanswered(owner, onTimeout="approve")
    assert (run.status, run.outputs) == ("SUCCEEDED", {"show": "A red kite"})
    answer = form_of((await steps_of(owner, run))["look"]).answer
    assert answer is not None
    assert (answer.decision, answer.by) == ("approve", None)


async def test_what_needs_to_be_filled_in_is_not_approved_by_nobody(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await unanswered(owner, onTimeout="approve", form=WORDS)
    assert (run.status, run.error and run.error.code) == ("FAILED", ErrorCode.DEADLINE_EXCEEDED)


async def test_a_form_without_an_answer_is_rejected_where_the_workflow_says_so(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await unanswered(owner, onTimeout="reject")
    assert (run.status, run.error and run.error.code) == ("FAILED", ErrorCode.STEP_REJECTED)
    going = await unanswered(owner, onTimeout="reject", onReject="continue")
    assert (going.status, (await steps_of(owner, going))["look"].outputs["decision"]) == ("SUCCEEDED", "reject")


async def test_the_next_one_is_asked_with_a_form_of_their_own(parts: Parts) -> None:
    owner = await tenant(parts)
    ada, ben = await person(owner, "ada"), await person(owner, "ben")
    asks = {"assignee": "ada", "dueSeconds": 3600, "onTimeout": "reassign", "reassignTo": "ben"}
    run = await a_review(owner, **asks)
    first = await waiting(owner, run)
    await claim(ada, first)
    await let_time_pass(owner, first)
    await a_reconciler(parts).reconcile()

    second = await waiting(owner, run)
    assert (form_of(second).question.assignee, second.claim) == ("ben", None)
    assert second.due_at is not None
    assert second.due_at - (second.started_at or second.due_at) > timedelta(minutes=59)
    told = [envelope.event.event for envelope in await events_of(owner, run)]
    assert (told.count("step.waiting"), (await run_of(owner, run)).status) == (2, "WAITING")
    for who in (ada, ben, owner):
        assert await code_of(submit(who, first)) == "STEP_NOT_WAITING"
    assert await code_of(submit(ada, second)) == "FORBIDDEN"
    assert (await submit(ben, second)).steps_waiting == 0


async def test_when_the_next_one_does_not_answer_either_the_run_fails(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await unanswered(owner, onTimeout="reassign", reassignTo="ben")
    assert (run.status, run.steps_waiting) == ("WAITING", 1)
    await let_time_pass(owner, await waiting(owner, run))
    await a_reconciler(parts).reconcile()
    over = await run_of(owner, run)
    assert (over.status, over.error and over.error.code) == ("FAILED", ErrorCode.DEADLINE_EXCEEDED)


async def test_a_form_is_left_alone_until_it_is_due(parts: Parts) -> None:
    owner = await tenant(parts)
    due_later, never_due = await a_review(owner, dueSeconds=3600), await a_review(owner, onTimeout="fail")
    await let_time_pass(owner, await waiting(owner, never_due))
    for run in (due_later, never_due):
        step, before = await waiting(owner, run), await events_of(owner, run)
        await a_reconciler(parts).reconcile()
        assert await code_of(as_engine(owner, TimeOutStep(step_id=step.id))) == "CONFLICT"
        assert await events_of(owner, run) == before


async def test_reconcilers_at_once_ask_the_next_one_once(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_review(owner, dueSeconds=3600, onTimeout="reassign", reassignTo="ben")
    await let_time_pass(owner, await waiting(owner, run))
    await asyncio.gather(*(a_reconciler(parts).reconcile() for _ in range(5)))
    told = [envelope.event.event for envelope in await events_of(owner, run)]
    assert (told.count("step.waiting"), (await run_of(owner, run)).steps_waiting) == (2, 1)


async def test_the_reconciler_finds_by_itself_what_is_due(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_review(owner, dueSeconds=1)
    reconciler = Reconciler(parts.database.begin, parts.leases, lease_seconds=0, every_seconds=0.05)
    task = asyncio.create_task(reconciler.run())
    try:
        assert (await until_step(owner, run, "look", "FAILED")).due_at is None
    finally:
        task.cancel()
        await asyncio.wait({task})


@pytest.mark.parametrize("round_", range(5))
async def test_an_answer_in_the_moment_it_is_due_counts_or_comes_too_late(parts: Parts, round_: int) -> None:
    owner = await tenant(parts)
    run = await a_review(owner, dueSeconds=3600, onReject="continue")
    step = await waiting(owner, run)
    await let_time_pass(owner, step)
    answer = SubmitStep(step_id=step.id, token=form_of(step).token, decision="reject")
    both = await asyncio.gather(owner.do(answer), a_reconciler(parts).reconcile(), return_exceptions=True)
    over = await run_of(owner, run)
    assert (over.status, over.steps_waiting) == ("FAILED" if isinstance(both[0], DomainError) else "SUCCEEDED", 0)
    endings = [e.event.event for e in await events_of(owner, run) if e.event.event in {"run.failed", "run.completed"}]
    assert len(endings) == 1
