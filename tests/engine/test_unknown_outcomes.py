"""Steps of which nobody knows what became: a person decides, or time does."""

from decimal import Decimal

import pytest

from domain.claiming import ClaimedStep
from domain.errors import ErrorCode
from domain.interruptions import FailStep
from domain.permissions import Role
from domain.run_commands import CancelRun
from domain.runs import Run
from domain.steps import RunError, Step
from domain.waiting import may_answer
from tests.engine.crew import (
    a_picture,
    a_reconciler,
    a_run,
    a_worker,
    as_engine,
    edges,
    events_of,
    images_of,
    jobs_of,
    node,
    run_of,
    statuses_of,
    steps_of,
    work_off,
)
from tests.engine.reviews import code_of, form_of, let_time_pass, person, submit, waiting
from tests.servers.openai_process import OpenAIServer
from tests.studio import Tenant, claim_of


async def lost(owner: Tenant, openai_server: OpenAIServer) -> tuple[Run, Step]:
    """A picture's run whose paid call was cut off, and the step that waits to be told what to do."""
    await openai_server.script("cut")
    run = await a_picture(owner)
    await work_off(owner.parts, a_worker(owner.parts))
    return await run_of(owner, run), await waiting(owner, run, "draw")


async def test_a_person_is_asked_what_is_to_become_of_it(paying: Tenant, openai_server: OpenAIServer) -> None:
    run, step = await lost(paying, openai_server)
    question = form_of(step).question
    assert (run.status, run.error, question.decisions) == ("WAITING", None, ("retry", "fail"))
    assert step.error is not None
    assert (step.error.code, step.reserved) == (ErrorCode.OUTCOME_UNKNOWN, Decimal(0))
    assert step.due_at is not None
    told = (await events_of(paying, run))[-2].event
    assert (told.event, told.payload["form"]["decisions"]) == ("step.waiting", ["retry", "fail"])


async def test_told_to_retry_the_step_is_done_once_more(paying: Tenant, openai_server: OpenAIServer) -> None:
    run, step = await lost(paying, openai_server)
    going = await submit(paying, step, "retry")
    assert (going.status, going.retries, going.steps_waiting) == ("RUNNING", 1, 0)
    assert (await steps_of(paying, run))["draw"].error is None
    assert (await submit(paying, step, "retry")).version == going.version

    await work_off(paying.parts, a_worker(paying.parts))
    done, drawn = await run_of(paying, run), (await steps_of(paying, run))["draw"]
    assert (done.status, done.cost, drawn.attempt, drawn.error) == ("SUCCEEDED", Decimal(1), 2, None)
    assert (await submit(paying, step, "retry")).version == done.version
    assert len(await images_of(paying, run)) == 1
    assert {call["idempotency_key"] for call in await openai_server.requests()} == {step.id}
    assert len(await openai_server.requests()) == 2


async def test_told_to_fail_the_run_fails_with_what_is_not_known(paying: Tenant, openai_server: OpenAIServer) -> None:
    run, step = await lost(paying, openai_server)
    over = await submit(paying, step, "fail")
    assert (over.status, over.error) == ("FAILED", step.error)
    statuses = {"ask": "SUCCEEDED", "draw": "OUTCOME_UNKNOWN", "show": "SKIPPED"}
    assert await statuses_of(paying, run) == statuses
    assert await code_of(submit(paying, step, "retry")) == "STEP_NOT_WAITING"
    await work_off(paying.parts, a_worker(paying.parts))
    assert len(await openai_server.requests()) == 1


async def test_where_nobody_says_anything_in_time_it_fails(paying: Tenant, openai_server: OpenAIServer) -> None:
    run, step = await lost(paying, openai_server)
    await let_time_pass(paying, step)
    await a_reconciler(paying.parts).reconcile()
    over = await run_of(paying, run)
    assert (over.status, over.error) == ("FAILED", step.error)
    assert (await steps_of(paying, run))["draw"].status == "OUTCOME_UNKNOWN"
    for decision in ("retry", "fail"):
        assert await code_of(submit(paying, step, decision)) == "STEP_NOT_WAITING"


async def test_lost_again_it_asks_again_with_another_form(paying: Tenant, openai_server: OpenAIServer) -> None:
    run, step = await lost(paying, openai_server)
    await submit(paying, step, "retry")
    await openai_server.script("cut")
    await work_off(paying.parts, a_worker(paying.parts))
    again = await waiting(paying, run, "draw")
    assert (again.attempt, (await run_of(paying, run)).steps_waiting) == (2, 1)
    for decision in ("retry", "fail"):
        assert await code_of(submit(paying, step, decision)) == "STEP_NOT_WAITING"
    assert (await submit(paying, again, "fail")).status == "FAILED"


@pytest.mark.parametrize("decision", ["approve", "reject", "RETRY", "raise"])
async def test_it_is_retried_or_fails_and_nothing_else(
    paying: Tenant, openai_server: OpenAIServer, decision: str
) -> None:
    run, step = await lost(paying, openai_server)
    assert await code_of(submit(paying, step, decision)) == "VALIDATION_ERROR"
    assert await run_of(paying, run) == run


async def test_only_who_may_start_runs_decides(paying: Tenant, openai_server: OpenAIServer) -> None:
    _, step = await lost(paying, openai_server)
    ada = await person(paying, "ada", Role.REVIEWER)
    assert not may_answer(ada.actor, step)
    for decision in ("retry", "fail"):
        assert await code_of(submit(ada, step, decision)) == "FORBIDDEN"
    assert (await submit(await person(paying, "ben", Role.EDITOR), step, "retry")).status == "RUNNING"


async def test_canceling_the_run_ends_the_question(paying: Tenant, openai_server: OpenAIServer) -> None:
    run, step = await lost(paying, openai_server)
    assert (await paying.do(CancelRun(id=run.id))).outcome == "CANCELED"
    assert await code_of(submit(paying, step, "retry")) == "STEP_NOT_WAITING"
    assert (await statuses_of(paying, run))["draw"] == "CANCELED"
    assert await jobs_of(paying.parts) == []


async def test_nobody_is_asked_where_the_run_has_failed_already(paying: Tenant) -> None:
    nodes = [node("ask", "input", name="prompt"), *(node(name, "generate_image") for name in ("bad", "lost"))]
    run = await a_run(paying, nodes, edges("ask>bad", "ask>lost"), prompt="A kite")
    await a_worker(paying.parts).do((await jobs_of(paying.parts))[0])
    claims: dict[str, ClaimedStep] = {}
    for job in await jobs_of(paying.parts):
        claim = await as_engine(paying, claim_of(paying.parts, job, -1))
        claims[claim.step.node_id] = claim
    bad = claims["bad"].step
    refused = RunError(code=ErrorCode.PROVIDER_REFUSED, message="No.", node_id="bad")
    await as_engine(paying, FailStep(run_id=run.id, step_id=bad.id, epoch=bad.epoch, error=refused))
    await a_reconciler(paying.parts).reconcile()
    over = await run_of(paying, run)
    assert (over.status, over.error, over.steps_waiting) == ("FAILED", refused, 0)
    assert await statuses_of(paying, run) == {"ask": "SUCCEEDED", "bad": "FAILED", "lost": "OUTCOME_UNKNOWN"}
