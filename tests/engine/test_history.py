"""What a run's events tell is what its rows say."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

import pytest

from app.parts import Parts
from domain.events import Envelope
from domain.plain import plain
from domain.run_commands import CancelRun
from domain.runs import Run
from tests.engine.crew import (
    a_picture,
    a_worker,
    events_of,
    images_of,
    run_of,
    steps_of,
    work_off,
    work_up_to,
)
from tests.servers.openai_process import OpenAIServer
from tests.studio import Tenant, tenant

# Told besides the `….updated` of the same version.
BESIDES = {"run.completed", "run.failed", "run.canceled", "step.waiting"}


def told_of(envelopes: list[Envelope]) -> dict[str, list[Envelope]]:
    """What was told of each subject, in order."""
    changes = [envelope for envelope in envelopes if envelope.event.event not in BESIDES]
    by_subject = sorted(changes, key=lambda envelope: envelope.event.subject_id)
    return {subject: list(group) for subject, group in groupby(by_subject, lambda envelope: envelope.event.subject_id)}


async def agrees(owner: Tenant, run: Run) -> None:
    told = told_of(await events_of(owner, run))
    run, steps, images = await run_of(owner, run), await steps_of(owner, run), await images_of(owner, run)
    for envelopes in told.values():
        versions = [envelope.event.version for envelope in envelopes]
        assert versions == list(range(versions[0], versions[0] + len(versions)))
    entities: list[Any] = [run, *steps.values(), *images]
    assert {entity.id for entity in entities} >= told.keys() >= {run.id, *(image.id for image in images)}
    for entity in entities:
        if entity.id in told:
            assert told[entity.id][-1].event.payload == _payload(entity, told[entity.id][-1].event.payload.keys())


def _payload(entity: Any, names: Iterable[str]) -> dict[str, Any]:
    """The row as an event would tell it now."""
    derived = {name: plain(getattr(entity, name, None)) for name in ("progress", "metrics")}
    row = {**plain(entity), **derived, "form": plain(getattr(entity, "asked", None))}
    return {name: row[name] for name in names}


async def test_of_a_run_that_succeeds(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_picture(owner, count=2)
    await work_off(parts, a_worker(parts))
    assert (await run_of(owner, run)).status == "SUCCEEDED"
    await agrees(owner, run)


async def test_of_a_run_that_is_canceled(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_picture(owner)
    await work_up_to(parts, a_worker(parts), owner, run, "draw")
    await owner.do(CancelRun(id=run.id))
    await agrees(owner, run)


@pytest.mark.parametrize(
    ("script", "end"),
    [(("500", "429"), "SUCCEEDED"), (("policy",), "FAILED"), (("500",) * 5, "FAILED"), (("cut",), "WAITING")],
    ids=str,
)
async def test_of_a_run_whose_provider_fails(
    paying: Tenant, openai_server: OpenAIServer, script: tuple[str, ...], end: str
) -> None:
    await openai_server.script(*script)
    run = await a_picture(paying)
    await work_off(paying.parts, a_worker(paying.parts))
    assert (await run_of(paying, run)).status == end
    await agrees(paying, run)


async def test_its_metrics_are_those_of_its_steps(paying: Tenant, openai_server: OpenAIServer) -> None:
    await openai_server.script("500")
    run = await a_picture(paying, count=3)
    await work_off(paying.parts, a_worker(paying.parts))
    done, steps = await run_of(paying, run), (await steps_of(paying, run)).values()
    metrics = done.metrics
    assert (metrics.steps_total, metrics.steps_done, metrics.retries) == (3, 3, 1)
    assert metrics.cost == sum(step.cost for step in steps) == 3
    assert metrics.retries == sum(step.attempt - 1 for step in steps)
    assert done.started_at is not None
    assert done.finished_at is not None
    assert metrics.duration_ms == (done.finished_at - done.started_at).total_seconds() * 1000
    assert metrics.queued_ms == (done.started_at - done.created_at).total_seconds() * 1000
