"""Steps that were done before: the same node with the same settings and inputs is not paid for twice."""

import hashlib
import json
from typing import Any

from domain.ids import Id
from domain.images import Image
from domain.kinds import KINDS
from domain.kinds.kind import OF_WORK
from domain.ports import Transaction
from domain.providers import Terms
from domain.runs import Run
from domain.steps import Step, StepStatus


async def serve(tx: Transaction, run: Run, step: Step, terms: Terms | None) -> bool:
    """Whether an earlier result of the project was taken over, and the step with it done."""
    earlier = await earlier_result(tx, run, step, terms)
    if earlier is None:
        return False
    tx.record(step.take_over(earlier))
    tx.save(step)
    return True


async def earlier_result(tx: Transaction, run: Run, step: Step, terms: Terms | None) -> Step | None:
    """The step of the project that did the same before, if its images are still there; this one learns its key."""
    if not KINDS[step.kind].cacheable or step.config.get("cache") is False:
        return None
    step.cache_key = cache_key(step, terms)
    if run.fresh:
        return None
    known = {"project_id": step.project_id, "cache_key": step.cache_key, "status": StepStatus.SUCCEEDED}
    earlier = await tx.newest(Step, **known)
    return earlier if earlier and await _has_its_images(tx, earlier) else None


async def done_in(tx: Transaction, run_id: Id, parent_id: Id | None = None) -> dict[str, Step]:
    """What was done in an earlier run, or in the copies of one of its maps, by node."""
    wanted = {"run_id": run_id, "parent_id": parent_id, "status": StepStatus.SUCCEEDED}
    return {step.node_id: step for step in await tx.find(Step, **wanted)}


def take_over(tx: Transaction, steps: list[Step], done: dict[str, Step]) -> list[Step]:
    """The new steps whose nodes were done in an earlier run: they are done in this one too."""
    over = [step for step in steps if step.node_id in done]
    for step in over:
        step.inputs = done[step.node_id].inputs
        tx.record(step.take_over(done[step.node_id]))
    return over


def cache_key(step: Step, terms: Terms | None) -> str:
    """
    Of the node, its settings, what flowed in and whose model is asked.

    What flowed in stands for all nodes before it; two nodes of one name in different workflows are the same one.
    """
    config = {name: value for name, value in step.config.items() if name not in OF_WORK}
    model = [terms.provider, terms.model] if terms else []
    parts = [step.node_id, step.kind, config, step.inputs, model]
    return hashlib.sha256(_written(parts).encode()).hexdigest()


def same(one: Any, other: Any) -> bool:
    """As JSON: for Python alone 1 is true."""
    return _written(one) == _written(other)


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


async def _has_its_images(tx: Transaction, step: Step) -> bool:
    ids = list(step.image_ids)
    return not ids or len(await tx.find(Image, id=ids, deleted_at=None)) == len(ids)
