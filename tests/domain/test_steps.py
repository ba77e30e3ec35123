"""A step: claimed, fed, ended."""

from datetime import UTC, datetime
from decimal import Decimal

from domain.errors import ErrorCode
from domain.ids import new_id
from domain.kinds.kind import StepResult
from domain.planning import Place, steps_of
from domain.steps import RunError, Source, StepStatus
from tests.domain.building import chain, graph, node, picture_graph, step

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def a_place() -> Place:
    return Place(run_id=new_id(), project_id=new_id(), organization_id=new_id())


def test_a_step_takes_its_inputs_from_the_ports_of_the_steps_before_it() -> None:
    fed = step("image", "output", Source(port="value", node_id="picture", node_port="images"))
    picture = step("picture", "generate_image", outputs={"image": {"imageId": "1"}, "images": [{"imageId": "1"}]})
    assert fed.take_inputs({"picture": picture})
    assert fed.inputs == {"value": [{"imageId": "1"}]}


def test_a_step_that_an_edge_leads_to_and_that_gets_nothing_has_not_its_inputs() -> None:
    fed = step("image", "output", Source(port="value", node_id="picture", node_port="image"))
    assert not fed.take_inputs({"picture": step("picture", "generate_image")})
    optional = step("words", "prompt", Source(port="text", node_id="which", node_port="then"))
    assert not optional.take_inputs({"which": step("which", "condition", outputs={"else": "x"})})


def test_a_graph_becomes_steps_of_which_those_that_wait_for_nothing_are_queued() -> None:
    ids = [new_id() for _ in range(3)]
    prompt, picture, image = steps_of(
        picture_graph(count=2), Place(run_id=ids[0], project_id=ids[1], organization_id=ids[2])
    )
    assert [one.status for one in (prompt, picture, image)] == ["QUEUED", "PENDING", "PENDING"]
    assert (prompt.targets, picture.targets, image.targets) == (("picture",), ("image",), ())
    assert picture.sources == (Source(port="prompt", node_id="prompt", node_port="value"),)
    assert picture.config == {"count": 2}
    assert {(one.run_id, one.project_id, one.organization_id) for one in (prompt, picture, image)} == {tuple(ids)}


def test_a_step_waits_for_each_node_before_it_once() -> None:
    words = node("words", "input", name="words")
    fed_twice = graph(words, node("a", "prompt", template="x"), edges=("words > a", "words > a"))
    assert [one.waits_for for one in steps_of(fed_twice, a_place())] == [0, 1]
    assert sum(one.waits_for for one in steps_of(chain(1_000), a_place())) == 999


def test_each_claim_counts_the_epoch_and_the_attempt() -> None:
    claimed = step("a", "prompt", status=StepStatus.QUEUED)
    claimed.begin(NOON, provider=None, reserved=Decimal(0), repeatable=True)
    first = claimed.started_at
    claimed.queue(NOON)
    assert (claimed.status, claimed.epoch, claimed.lease_until) == (StepStatus.QUEUED, 1, None)
    claimed.begin(NOON, provider=None, reserved=Decimal(0), repeatable=False)
    assert (claimed.epoch, claimed.attempt, claimed.repeatable, claimed.started_at) == (2, 2, False, first)


def test_success_takes_an_earlier_error_away() -> None:
    done = step("a", "prompt", error=RunError(code=ErrorCode.UNAVAILABLE, message="Away"), lease_until=NOON)
    told = done.succeed(StepResult(outputs={"text": "x"}, cost=Decimal("0.1")))
    assert (done.status, done.error, done.lease_until, done.progress) == (StepStatus.SUCCEEDED, None, None, 1.0)
    assert (told.event, told.version, told.payload["cost"]) == ("step.updated", 2, "0.1")


def test_a_job_says_at_which_epoch_it_was_put() -> None:
    queued = step("a", "prompt", epoch=3)
    assert (queued.job(7).step_id, queued.job(7).epoch, queued.job(7).delay_seconds) == (queued.id, 3, 7)


def test_what_is_told_of_a_step_names_no_tenant() -> None:
    assert not {"organizationId", "projectId", "config"} & set(step("a", "prompt").changed().payload)
