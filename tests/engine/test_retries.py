"""Runs that repeat others: what they do again, what they take over, and what they refuse."""

from decimal import Decimal

import pytest

from app.parts import Parts
from domain.assets import AssetType, CreateAsset, UpdateAsset
from domain.errors import ErrorCode
from domain.execution import FinishStep
from domain.kinds.kind import StepResult
from domain.run_commands import CancelRun
from domain.runs import Run
from domain.workflows import UpdateWorkflow
from tests.engine.crew import (
    a_picture,
    a_run,
    a_worker,
    a_workflow,
    as_engine,
    edges,
    events_of,
    images_of,
    jobs_of,
    node,
    run_of,
    start,
    statuses_of,
    steps_of,
    work_up_to,
)
from tests.engine.repeating import execute_sql, hashes_of, retry, worked_off
from tests.engine.reviews import code_of, refusal, submit, waiting
from tests.servers.openai_process import OpenAIServer
from tests.studio import Tenant, claim_of, tenant

TWO_PICTURES = [
    node("ask", "input", name="prompt"),
    node("first", "generate_image"),
    node("second", "edit_image"),
    node("out", "output"),
]
TWO_LINKS = edges("ask>first", "ask>second.prompt", "first>second.images", "second>out")


async def failed_at_second(owner: Tenant, server: OpenAIServer) -> Run:
    """A run that made its first picture and was refused the second."""
    await server.script("ok", "policy")
    run = await a_run(owner, TWO_PICTURES, TWO_LINKS, prompt="A kite")
    failed = await worked_off(owner, run)
    assert (failed.status, failed.error and failed.error.node_id) == ("FAILED", "second")
    return failed


async def test_only_what_failed_and_what_hangs_on_it_is_done_again(paying: Tenant, openai_server: OpenAIServer) -> None:
    failed = await failed_at_second(paying, openai_server)
    again = await retry(paying, failed)
    assert again.retry_of == failed.id
    assert (again.seed, again.status, again.steps_done, again.steps_cached) == (failed.seed, "QUEUED", 2, 2)
    assert await statuses_of(paying, again) == {
        "ask": "SUCCEEDED", "first": "SUCCEEDED", "second": "QUEUED", "out": "PENDING",
    }  # fmt: skip

    done, steps = await worked_off(paying, again), await steps_of(paying, again)
    assert (done.status, done.progress, done.cost) == ("SUCCEEDED", 1.0, Decimal(1))
    before = (await steps_of(paying, failed))["first"]
    assert (steps["first"].cached, steps["first"].cost, steps["first"].image_ids) == (
        True,
        Decimal(0),
        before.image_ids,
    )
    assert (steps["first"].inputs, steps["first"].outputs) == (before.inputs, before.outputs)
    assert steps["second"].inputs["images"] == before.outputs["images"][:1]
    assert len(await openai_server.requests()) == 3


async def test_what_is_taken_over_is_told(paying: Tenant, openai_server: OpenAIServer) -> None:
    again = await retry(paying, await failed_at_second(paying, openai_server))
    told = [envelope.event for envelope in await events_of(paying, again)]
    taken = [(event.payload["nodeId"], event.payload["status"], event.payload["cached"]) for event in told[:2]]
    assert taken == [("ask", "SUCCEEDED", True), ("first", "SUCCEEDED", True)]
    assert (told[-1].event, told[-1].payload["metrics"]["stepsDone"]) == ("run.updated", 2)
    assert told[-1].payload["retryOf"] == again.retry_of


async def test_a_step_that_was_not_to_use_the_cache_is_taken_over_too(
    paying: Tenant, openai_server: OpenAIServer
) -> None:
    nodes = [TWO_PICTURES[0], node("first", "generate_image", cache=False), *TWO_PICTURES[2:]]
    await openai_server.script("ok", "policy")
    failed = await worked_off(paying, await a_run(paying, nodes, TWO_LINKS, prompt="A kite"))
    await worked_off(paying, await retry(paying, failed))
    assert len(await openai_server.requests()) == 3


async def test_all_of_it_afresh_uses_nothing_and_draws_the_same_pictures(parts: Parts) -> None:
    owner = await tenant(parts)
    first = await worked_off(owner, await a_run(owner, TWO_PICTURES, TWO_LINKS, prompt="A kite"))
    again = await worked_off(owner, await retry(owner, first, failed_only=False))
    assert (again.status, again.steps_cached, again.retry_of, again.seed) == ("SUCCEEDED", 0, first.id, first.seed)
    assert await hashes_of(owner, again) == await hashes_of(owner, first)
    assert {i.id for i in await images_of(owner, again)}.isdisjoint(i.id for i in await images_of(owner, first))


async def test_another_run_draws_other_pictures(parts: Parts) -> None:
    owner = await tenant(parts)
    runs = [await worked_off(owner, await a_picture(owner, cache=False)) for _ in range(2)]
    one, other = [await hashes_of(owner, run) for run in runs]
    assert one != other


async def test_a_fresh_run_asks_the_provider_for_everything(paying: Tenant, openai_server: OpenAIServer) -> None:
    first = await worked_off(paying, await a_picture(paying))
    again = await worked_off(paying, await retry(paying, first, failed_only=False))
    assert (again.status, again.cost, len(await openai_server.requests())) == ("SUCCEEDED", Decimal(1), 2)
    third = await worked_off(paying, await a_picture(paying))
    assert (await steps_of(paying, third))["draw"].image_ids == (await steps_of(paying, again))["draw"].image_ids


async def test_with_other_inputs_all_of_it_is_done_but_for_what_was_made_of_the_same(
    paying: Tenant, openai_server: OpenAIServer
) -> None:
    nodes = [
        node("a", "input", name="a"),
        node("b", "input", name="b"),
        node("one", "generate_image"),
        node("two", "generate_image"),
    ]
    first = await worked_off(paying, await a_run(paying, nodes, edges("a>one", "b>two"), a="cat", b="dog"))
    again = await worked_off(paying, await retry(paying, first, inputs={"a": "cat", "b": "eel"}))
    steps = await steps_of(paying, again)
    assert (again.status, again.inputs, again.retry_of) == ("SUCCEEDED", {"a": "cat", "b": "eel"}, first.id)
    assert {name: step.cached for name, step in steps.items()} == {"a": False, "b": False, "one": True, "two": False}
    assert len(await openai_server.requests()) == 3


async def test_the_inputs_it_had_are_no_other_inputs(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await worked_off(owner, await a_picture(owner))
    refused = await refusal(retry(owner, run, inputs=run.inputs))
    assert (refused.code, refused.details["field"]) == (ErrorCode.VALIDATION_ERROR, "failedOnly")


async def test_true_is_another_input_than_one(parts: Parts) -> None:
    owner = await tenant(parts)
    nodes = [node("ask", "input", name="value", type="json"), node("out", "output")]
    run = await worked_off(owner, await a_run(owner, nodes, edges("ask>out"), value=1))
    again = await worked_off(owner, await retry(owner, run, inputs={"value": True}))
    assert again.outputs["out"] is True


async def test_a_run_under_way_is_not_repeated(parts: Parts) -> None:
    owner, worker = await tenant(parts), a_worker(parts)
    run = await a_picture(owner)
    assert await code_of(retry(owner, run)) == "CONFLICT"
    await work_up_to(parts, worker, owner, run, "draw")
    for failed_only in (True, False):
        assert await code_of(retry(owner, run, failed_only=failed_only)) == "CONFLICT"


async def test_a_run_that_succeeded_has_nothing_that_failed(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await worked_off(owner, await a_picture(owner))
    refused = await refusal(retry(owner, run))
    assert (refused.code, refused.details["field"]) == (ErrorCode.VALIDATION_ERROR, "failedOnly")
    assert await jobs_of(parts) == []


@pytest.mark.parametrize("inputs", [{"nope": 1}, {"prompt": 7}, {"prompt": ""}, {"prompt": float("nan")}])
async def test_inputs_are_checked_as_at_a_start(parts: Parts, inputs: dict[str, object]) -> None:
    owner = await tenant(parts)
    run = await worked_off(owner, await a_picture(owner))
    assert await code_of(retry(owner, run, inputs=inputs)) == "VALIDATION_ERROR"


async def test_another_organizations_run_does_not_exist(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await worked_off(owner, await a_picture(owner))
    assert await code_of(retry(await tenant(parts, "rival", "spy"), run, failed_only=False)) == "RUN_NOT_FOUND"


async def test_a_canceled_run_goes_on_where_it_was(parts: Parts) -> None:
    owner, worker = await tenant(parts), a_worker(parts)
    run = await a_picture(owner)
    await work_up_to(parts, worker, owner, run, "show")
    await owner.do(CancelRun(id=run.id))
    again = await retry(owner, run)
    assert await statuses_of(owner, again) == {"ask": "SUCCEEDED", "draw": "SUCCEEDED", "show": "QUEUED"}
    done = await worked_off(owner, again)
    assert (done.status, await images_of(owner, done)) == ("SUCCEEDED", [])


async def test_a_retry_can_be_retried(paying: Tenant, openai_server: OpenAIServer) -> None:
    failed = await failed_at_second(paying, openai_server)
    await openai_server.script("policy")
    second = await worked_off(paying, await retry(paying, failed))
    third = await worked_off(paying, await retry(paying, second))
    assert [run.status for run in (failed, second, third)] == ["FAILED", "FAILED", "SUCCEEDED"]
    assert (second.retry_of, third.retry_of) == (failed.id, second.id)
    assert len(await openai_server.requests()) == 4


async def test_it_goes_by_the_workflow_and_the_prompts_as_they_were(parts: Parts) -> None:
    owner = await tenant(parts)
    style = await owner.do(
        CreateAsset(project_id=owner.project_id, type=AssetType.PROMPT, label="Style", content="in ink")
    )
    nodes = [
        node("ask", "input", name="prompt"),
        node("say", "prompt", template="{{prompt}} {{style}}", prompts={"style": style.id}),
        node("out", "output"),
    ]
    workflow = await a_workflow(owner, nodes, edges("ask>say", "say>out"))
    first = await worked_off(owner, await start(owner, workflow, prompt="A kite"))
    await owner.do(UpdateAsset(id=style.id, content="in oil"))
    await owner.do(UpdateWorkflow(id=workflow.id, nodes=[nodes[0], node("out", "output")], edges=edges("ask>out")))
    again = await worked_off(owner, await retry(owner, first, failed_only=False))
    assert (again.workflow_version, again.outputs) == (1, {"out": "A kite in ink"})


async def test_a_way_that_was_skipped_is_skipped_again(paying: Tenant, openai_server: OpenAIServer) -> None:
    nodes = [
        node("ask", "input", name="prompt"),
        node("cat", "condition", operator="equals", operand="cat"),
        node("draw", "generate_image"),
        node("other", "prompt", template="{{text}}"),
        node("out", "output"),
    ]
    await openai_server.script("policy")
    links = edges("ask>cat", "cat.then>draw", "draw>out", "cat.else>other")
    failed = await worked_off(paying, await a_run(paying, nodes, links, prompt="cat"))
    again = await retry(paying, failed)
    assert (await statuses_of(paying, again))["other"] == "SKIPPED"
    done = await worked_off(paying, again)
    assert (done.status, done.steps_done) == ("SUCCEEDED", 5)


async def test_people_are_not_asked_again(paying: Tenant, openai_server: OpenAIServer) -> None:
    nodes = [
        node("ask", "input", name="prompt"),
        node("look", "human_review", title="Look"),
        node("draw", "generate_image"),
    ]
    run = await a_run(paying, nodes, edges("ask>look.text", "look.text>draw"), prompt="A kite")
    await worked_off(paying, run)
    await submit(paying, await waiting(paying, run))
    await openai_server.script("policy")
    failed = await worked_off(paying, run)
    done = await worked_off(paying, await retry(paying, failed))
    assert (failed.status, done.status) == ("FAILED", "SUCCEEDED")
    assert (await steps_of(paying, done))["look"].outputs["decision"] == "approve"


async def test_a_late_run_with_nothing_left_to_do_is_over_at_once(parts: Parts) -> None:
    owner, worker = await tenant(parts), a_worker(parts)
    run = await a_run(
        owner, [node("ask", "input", name="words"), node("out", "output")], edges("ask>out"), words="Rome"
    )
    claim = await as_engine(owner, claim_of(parts, await work_up_to(parts, worker, owner, run, "out")))
    await execute_sql(owner, "UPDATE runs SET deadline = now() - interval '1 second'")
    result = StepResult(outputs={"value": "Rome"})
    await as_engine(owner, FinishStep(run_id=run.id, step_id=claim.step.id, epoch=claim.step.epoch, outcome=result))
    late = await run_of(owner, run)
    assert (late.status, late.error and late.error.code) == ("FAILED", ErrorCode.DEADLINE_EXCEEDED)

    again = await retry(owner, late)
    assert (again.status, again.outputs) == ("SUCCEEDED", {"out": "Rome"})
    assert again.started_at is not None
    assert [envelope.event.event for envelope in await events_of(owner, again)][-2:] == ["run.updated", "run.completed"]
    assert await jobs_of(parts) == []


async def test_a_picture_that_is_gone_meanwhile_is_missed_where_it_is_needed(
    paying: Tenant, openai_server: OpenAIServer
) -> None:
    failed = await failed_at_second(paying, openai_server)
    await execute_sql(paying, "DELETE FROM images")
    again = await worked_off(paying, await retry(paying, failed))
    assert again.error is not None
    assert (again.status, again.error.code, again.error.node_id) == ("FAILED", ErrorCode.IMAGE_NOT_FOUND, "second")
    whole = await worked_off(paying, await retry(paying, again, failed_only=False))
    assert whole.status == "SUCCEEDED"
