"""Steps that wait for a person: what is told, who may answer, what an answer does, and what it can no longer do."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from app.parts import Parts, open_parts
from domain.errors import ErrorCode
from domain.execution import FinishStep
from domain.kinds.kind import StepResult
from domain.permissions import Role
from domain.run_commands import CancelRun, ExpireRun
from domain.runs import Run
from domain.waiting import SubmitStep
from tests.engine.crew import (
    a_reconciler,
    a_run,
    a_worker,
    as_engine,
    edges,
    events_of,
    jobs_of,
    node,
    run_of,
    statuses_of,
    steps_of,
    work_off,
    work_up_to,
)
from tests.engine.reviews import a_review, code_of, form_of, let_time_pass, person, refusal, submit, waiting
from tests.studio import Tenant, claim_of, tenant

WORDS = {"type": "object", "properties": {"words": {"type": "string", "maxLength": 9}}, "required": ["words"]}


async def test_a_review_holds_no_worker_and_goes_on_when_it_is_answered(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_review(owner)
    step = await waiting(owner, run)
    assert (step.lease_until, step.due_at, await jobs_of(parts)) == (None, None, [])
    assert (await run_of(owner, run)).status == "WAITING"

    assert (await submit(await person(owner, "ada"), step)).status == "RUNNING"
    await work_off(parts, a_worker(parts))
    done = await run_of(owner, run)
    assert (done.status, done.steps_waiting, done.outputs) == ("SUCCEEDED", 0, {"show": "A red kite"})
    answer = form_of((await steps_of(owner, run))["look"]).answer
    assert answer is not None
    assert (answer.decision, answer.by) == ("approve", "ada")


async def test_a_pause_is_told_with_what_is_asked_and_never_with_its_token(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_review(owner, instructions="Is it red?", assignee="ada", dueSeconds=60, form=WORDS)
    step = await waiting(owner, run)
    told = [(envelope.event.event, envelope.event.payload) for envelope in await events_of(owner, run)]
    assert [event for event, _ in told[-3:]] == ["step.updated", "step.waiting", "run.updated"]
    assert told[-1][1]["status"] == "WAITING"
    form = told[-2][1]["form"]
    assert (form["title"], form["assignee"], form["schema"]) == ("Look", "ada", WORDS)
    assert form["instructions"].startswith("Is it red?")
    assert form["dueAt"] is not None

    await submit(await person(owner, "ada"), step, values={"words": "Yes"})
    assert form_of(step).token not in json.dumps([envelope.event.payload for envelope in await events_of(owner, run)])


async def test_the_same_answer_again_gives_the_run_and_records_nothing(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_review(owner, form=WORDS)
    step, ada = await waiting(owner, run), await person(owner, "ada")
    first = await submit(ada, step, values={"words": "Yes"})
    before = await events_of(owner, run)
    again = await submit(ada, step, values={"words": "Yes"})
    assert (again.id, again.version, await events_of(owner, run)) == (run.id, first.version, before)

    await work_off(parts, a_worker(parts))
    assert (await submit(ada, step, values={"words": "Yes"})).status == "SUCCEEDED"
    assert (await run_of(owner, run)).steps_done == 3


async def test_another_answer_comes_too_late_and_is_told_whose_was_first(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_review(owner, form=WORDS)
    step = await waiting(owner, run)
    await submit(await person(owner, "ada"), step, values={"words": "Yes"})
    ben = await person(owner, "ben")
    for decision, values in (("reject", {}), ("approve", {"words": "No"})):
        late = await refusal(submit(ben, step, decision, values=values))
        assert (late.code, "ada" in late.message) == (ErrorCode.STEP_NOT_WAITING, True)
    assert await code_of(submit(await person(owner, "eve", Role.VIEWER), step)) == "FORBIDDEN"


@pytest.mark.parametrize("token", ["", "x", "\ud800", "\u0000", "é" * 32, "x" * 100_000])
async def test_a_token_that_is_not_the_forms_answers_nothing(parts: Parts, token: str) -> None:
    owner = await tenant(parts)
    run = await a_review(owner)
    step = await waiting(owner, run)
    wrong = SubmitStep(step_id=step.id, token=token, decision="approve")
    assert await code_of(owner.do(wrong)) == "STEP_NOT_WAITING"
    await waiting(owner, run)


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        ({"decision": "maybe"}, "decision"),
        ({"decision": ""}, "decision"),
        ({"values": {}}, "values"),
        ({"values": {"words": "far too long"}}, "values"),
        ({"values": {"words": 7}}, "values"),
        ({"values": []}, "values"),
        ({"values": {"words": "x\u0000"}}, "values"),
        ({"chosen_image_ids": ["x"]}, "chosenImageIds"),
        ({"decision": "reject", "chosen_image_ids": ["\u0000"]}, "chosenImageIds"),
    ],
)
async def test_what_is_no_answer_is_refused_and_leaves_the_form_open(
    parts: Parts, answer: dict[str, Any], field: str
) -> None:
    owner = await tenant(parts)
    run = await a_review(owner, form=WORDS)
    step, before = await waiting(owner, run), await events_of(owner, run)
    refused = await refusal(submit(owner, step, **{"values": {"words": "Yes"}, **answer}))
    assert (refused.code, refused.details["field"]) == (ErrorCode.VALIDATION_ERROR, field)
    assert await events_of(owner, run) == before
    await submit(owner, step, values={"words": "Yes"})


async def test_a_rejection_fails_the_run_or_goes_on_as_a_decision(parts: Parts) -> None:
    owner = await tenant(parts)
    failed, going = await a_review(owner, form=WORDS), await a_review(owner, onReject="continue")
    done = await submit(await person(owner, "ada"), await waiting(owner, failed), "reject", values={"comment": "Blue"})
    assert (done.status, done.error and done.error.code) == ("FAILED", ErrorCode.STEP_REJECTED)
    assert done.error is not None
    assert "ada: Blue" in done.error.message
    assert await statuses_of(owner, failed) == {"ask": "SUCCEEDED", "look": "FAILED", "show": "SKIPPED"}

    await submit(owner, await waiting(owner, going), "reject")
    assert (await steps_of(owner, going))["look"].outputs["decision"] == "reject"
    assert (await run_of(owner, going)).status == "SUCCEEDED"


async def _cancel(owner: Tenant, run: Run) -> None:
    await owner.do(CancelRun(id=run.id))


async def _miss_the_deadline(owner: Tenant, run: Run) -> None:
    async with owner.parts.engine.begin() as connection:
        await connection.execute(text("UPDATE runs SET deadline = now() WHERE id = :id"), {"id": run.id})
    await as_engine(owner, ExpireRun(id=run.id))


async def _answer_nothing(owner: Tenant, run: Run) -> None:
    await let_time_pass(owner, await waiting(owner, run))
    await a_reconciler(owner.parts).reconcile()


@pytest.mark.parametrize(
    ("end", "run_status", "step_status"),
    [
        (_cancel, "CANCELED", "CANCELED"),
        (_miss_the_deadline, "FAILED", "SKIPPED"),
        (_answer_nothing, "FAILED", "FAILED"),
    ],
)
async def test_an_answer_to_a_run_that_is_over_changes_nothing(
    parts: Parts, end: Callable[[Tenant, Run], Awaitable[None]], run_status: str, step_status: str
) -> None:
    owner = await tenant(parts)
    run = await a_review(owner, dueSeconds=60)
    step = await waiting(owner, run)
    await end(owner, run)
    over, before = await run_of(owner, run), await events_of(owner, run)
    assert (over.status, over.steps_waiting) == (run_status, 0)
    for decision in ("approve", "reject"):
        assert await code_of(submit(owner, step, decision)) == "STEP_NOT_WAITING"
    assert (await run_of(owner, run), await events_of(owner, run)) == (over, before)
    assert (await steps_of(owner, run))["look"].status == step_status


TWO = [
    node("ask", "input", name="prompt", type="text"),
    node("look", "human_review", title="Look"),
    node("read", "human_review", title="Read"),
    node("write", "prompt", template="{{prompt}}!"),
]
TWO_LINKS = edges("ask>look.text", "ask>read.text", "ask>write")


async def test_a_run_waits_when_only_people_can_take_it_further(parts: Parts) -> None:
    owner, worker = await tenant(parts), a_worker(parts)
    run = await a_run(owner, TWO, TWO_LINKS, prompt="A red kite")
    job = await work_up_to(parts, worker, owner, run, "write")
    await a_reconciler(parts).reconcile()
    await asyncio.gather(*(worker.do(other) for other in await jobs_of(parts) if other.step_id != job.step_id))
    step, other = await waiting(owner, run), await waiting(owner, run, "read")
    assert (await run_of(owner, run)).status == "RUNNING"
    await worker.do(job)
    assert (await run_of(owner, run)).status == "WAITING"

    assert (await submit(owner, step)).status == "WAITING"
    assert (await submit(owner, other)).status == "SUCCEEDED"


async def test_a_rejection_ends_what_else_waits(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_run(owner, TWO, TWO_LINKS, prompt="A red kite")
    await work_off(parts, a_worker(parts))
    step, other = await waiting(owner, run), await waiting(owner, run, "read")
    assert (await submit(owner, step, "reject")).status == "FAILED"
    assert await code_of(submit(owner, other)) == "STEP_NOT_WAITING"


async def test_a_rejection_lets_finish_what_a_worker_is_at(parts: Parts) -> None:
    owner, worker = await tenant(parts), a_worker(parts)
    run = await a_run(owner, TWO, TWO_LINKS, prompt="A red kite")
    held = await as_engine(owner, claim_of(parts, await work_up_to(parts, worker, owner, run, "write")))
    await a_reconciler(parts).reconcile()
    await work_off(parts, worker)
    rejected = await submit(owner, await waiting(owner, run), "reject")
    assert (rejected.status, rejected.is_stopping) == ("RUNNING", True)
    done = FinishStep(
        run_id=run.id, step_id=held.step.id, epoch=held.step.epoch, outcome=StepResult(outputs={"text": "!"})
    )
    await as_engine(owner, done)
    over = await run_of(owner, run)
    assert (over.status, over.error and over.error.code) == ("FAILED", ErrorCode.STEP_REJECTED)
    statuses = {"ask": "SUCCEEDED", "look": "FAILED", "read": "SKIPPED", "write": "SUCCEEDED"}
    assert await statuses_of(owner, run) == statuses


async def test_a_form_outlives_the_processes_that_put_it(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_review(owner)
    step = await waiting(owner, run)
    await a_reconciler(parts).reconcile()
    async with open_parts(parts.settings, parts.database_url, "http://easel.test") as reopened:
        assert (await submit(replace(owner, parts=reopened), step)).status == "RUNNING"
        await work_off(reopened, a_worker(reopened))
    assert (await run_of(owner, run)).status == "SUCCEEDED"
