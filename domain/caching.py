"""Steps that were done before: the same node with the same settings and inputs is not paid for twice."""

import hashlib
import json

from domain.images import Image
from domain.kinds import KINDS
from domain.kinds.kind import OF_WORK
from domain.ports import Transaction
from domain.providers import Terms
from domain.runs import Run
from domain.steps import Step, StepStatus


async def serve(tx: Transaction, run: Run, step: Step, terms: Terms | None) -> bool:
    """Whether an earlier result of the project was taken over, and the step with it done."""
    if not KINDS[step.kind].cacheable or step.config.get("cache") is False:
        return False
    step.cache_key = cache_key(step, terms)
    if run.fresh:
        return False
    known = {"project_id": step.project_id, "cache_key": step.cache_key, "status": StepStatus.SUCCEEDED}
    earlier = await tx.newest(Step, **known)
    if earlier is None or not await _has_its_images(tx, earlier):
        return False
    tx.record(step.take_over(earlier))
    tx.save(step)
    return True


def cache_key(step: Step, terms: Terms | None) -> str:
    """
    Of the node, its settings, what flowed in and whose model is asked.

    What flowed in stands for all nodes before it; two nodes of one name in different workflows are the same one.
    """
    config = {name: value for name, value in step.config.items() if name not in OF_WORK}
    model = [terms.provider, terms.model] if terms else []
    parts = [step.node_id, step.kind, config, step.inputs, model]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


async def _has_its_images(tx: Transaction, step: Step) -> bool:
    ids = list(step.image_ids)
    return not ids or len(await tx.find(Image, id=ids, deleted_at=None)) == len(ids)
