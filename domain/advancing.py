"""How a run goes on when something in it is done, and how it ends."""

import json
from collections import Counter
from dataclasses import fields, replace
from typing import Any

from domain import accounts
from domain.discarded import Discarded
from domain.errors import ErrorCode
from domain.ids import Id
from domain.images import Image, ImageSource, NewImage
from domain.kinds import KINDS
from domain.kinds.kind import StepResult
from domain.ports import Transaction
from domain.purposes import PURPOSES
from domain.runs import Run, RunStatus, failure
from domain.steps import RunError, Step, StepStatus

MOST_COLLECTED_BYTES = 4 * 1024 * 1024
MOST_HANDED_BACK_BYTES = 1024 * 1024
ENDED_AT_ONCE = 250
_IDLE = [StepStatus.PENDING, StepStatus.QUEUED, StepStatus.WAITING]


async def keep(tx: Transaction, run: Run) -> None:
    """Write the changed run and tell of it; what was held for one that is over is free again."""
    tx.record(*run.changed())
    if run.is_finished:
        await PURPOSES[run.purpose].conclude(tx, run)
        await accounts.release(tx, run)  # last: the organization's account is locked after everything else
    else:
        await PURPOSES[run.purpose].advance(tx, run)
    tx.save(run)


async def go_on(tx: Transaction, run: Run, *done: Step) -> None:
    """These steps are done and saved: start what waited for them, skip what can never start, and end what is over."""
    run.stop_if_late(tx.now)
    finished = list(done)
    while finished:
        for step in finished:
            _count(run, step)
        finished = [] if run.is_stopping else [*await _release(tx, run, finished), *await _join(tx, run, finished)]
    if run.steps_done == run.steps_total and run.error is None:
        run.begin()  # one that had nothing left to do has not
        run.end(RunStatus.SUCCEEDED)  # also when it was to be canceled: it came too late
    elif run.is_stopping:
        await wind_down(tx, run)
    else:
        await settle(tx, run)


def _count(run: Run, step: Step) -> None:
    run.count(step)
    if step.kind == "output" and step.parent_id is None and step.status is StepStatus.SUCCEEDED:
        run.outputs = {**run.outputs, _output_name(step): step.outputs["value"]}


def _output_name(step: Step) -> str:
    name: str = step.config.get("name", step.node_id.rpartition("/")[2])
    return name


async def _release(tx: Transaction, run: Run, done: list[Step]) -> list[Step]:
    """Queue the steps that waited for these alone; those that will never get their inputs are skipped and returned."""
    named = Counter(target for step in done for target in step.targets)
    if not named:
        return []
    waiting = await tx.find(Step, run_id=run.id, node_id=sorted(named), status=StepStatus.PENDING)
    for step in waiting:
        step.waits_for -= named[step.node_id]
    ready = [step for step in waiting if step.waits_for == 0]
    before = await _before(tx, run, ready, done)
    skipped = []
    for step in ready:
        if step.take_inputs(before):
            tx.record(step.queue(tx.now))
            tx.enqueue(step.job())
        else:
            tx.record(step.end(StepStatus.SKIPPED))
            skipped.append(step)
    tx.save(*waiting)
    return skipped


async def _before(tx: Transaction, run: Run, ready: list[Step], done: list[Step]) -> dict[str, Step]:
    """The steps that these take their inputs from; those just done are at hand."""
    found = {step.node_id: step for step in done}
    missing = sorted({source.node_id for step in ready for source in step.sources} - set(found))
    others = await tx.find(Step, run_id=run.id, node_id=missing) if missing else []
    return found | {step.node_id: step for step in others}


async def _join(tx: Transaction, run: Run, done: list[Step]) -> list[Step]:
    """Count these in the maps whose copies they belong to; the maps that are complete with them are returned."""
    counts = Counter(step.parent_id for step in done if step.parent_id)
    parents = await tx.find(Step, id=list(counts)) if counts else []
    for parent in parents:
        parent.reported += (1.0 - parent.reported) * counts[parent.id] / parent.waits_for
        parent.waits_for -= counts[parent.id]
        parent.image_ids += tuple(id_ for step in done if step.parent_id == parent.id for id_ in step.image_ids)
    tx.save(*parents)
    return [parent for parent in parents if parent.waits_for == 0 and await _is_complete(tx, run, parent)]


async def _is_complete(tx: Transaction, run: Run, parent: Step) -> bool:
    """All copies of the map are done, and so is it; unless what they made is more than one step may hand on."""
    outputs = await _collected(tx, parent)
    if len(json.dumps(outputs)) > MOST_COLLECTED_BYTES:
        message = f"The copies made more than {MOST_COLLECTED_BYTES >> 20} MiB together: let them hand on less"
        await give_up(tx, run, parent, failure(ErrorCode.VALIDATION_ERROR, message, parent))
        return False
    tx.record(parent.succeed(StepResult(outputs=outputs)))
    tx.save(parent)
    return True


async def _collected(tx: Transaction, parent: Step) -> dict[str, list[Any]]:
    """By output node, what the copies made, in the order of their items; those that were skipped leave nothing."""
    collected: dict[str, list[Any]] = {port.name: [] for port in KINDS[parent.kind].outputs_of(parent.config)}
    for step in await tx.find(Step, parent_id=parent.id, kind="output", status=StepStatus.SUCCEEDED):
        value = step.outputs["value"]
        collected[_output_name(step)].extend(value if isinstance(value, list) else [value])
    return collected


async def complete(tx: Transaction, run: Run, step: Step, result: StepResult) -> None:
    """The step is done: what it made is kept, and what waited for it goes on."""
    if step.kind == "output" and len(json.dumps([run.outputs, result.outputs])) > MOST_HANDED_BACK_BYTES:
        message = f"A run hands back {MOST_HANDED_BACK_BYTES >> 20} MiB at most: hand back less"
        await give_up(tx, run, step, failure(ErrorCode.VALIDATION_ERROR, message, step))
        return
    result = await _adopted(tx, run, step, result)
    tx.record(step.succeed(result))
    tx.save(step)
    await accounts.charge(tx, run, step, result.cost)
    await go_on(tx, run, step)


async def _adopted(tx: Transaction, run: Run, step: Step, result: StepResult) -> StepResult:
    """The result, its pictures kept as rows; those that have taken another's place go by its id."""
    ids: dict[Id, Id] = {}
    unwanted: set[Id] = set()
    for new in result.images:
        image = _image(new, run, step)
        kept = await PURPOSES[run.purpose].adopt(tx, run, image)
        if kept is image:
            tx.add(image)
            tx.record(image.created())
        elif kept is not None:
            ids[image.id] = kept.id
        else:
            tx.add(Discarded(organization_id=run.organization_id, object_key=image.object_key))
            unwanted.add(image.id)
    images = tuple(replace(new, id=ids.get(new.id, new.id)) for new in result.images if new.id not in unwanted)
    return replace(result, outputs=_renamed(result.outputs, ids), images=images)


def _renamed(value: Any, ids: dict[Id, Id]) -> Any:
    match value:
        case {"imageId": id_} if id_ in ids:
            return {**value, "imageId": ids[id_]}
        case dict():
            return {name: _renamed(inner, ids) for name, inner in value.items()}
        case list():
            return [_renamed(inner, ids) for inner in value]
    return value


def _image(new: NewImage, run: Run, step: Step) -> Image:
    made = {field.name: getattr(new, field.name) for field in fields(NewImage)}
    return Image(
        organization_id=run.organization_id,
        project_id=run.project_id,
        run_id=run.id,
        step_id=step.id,
        source=ImageSource.GENERATED,
        object_key=new.storage_key,
        **made,
    )


async def settle(tx: Transaction, run: Run) -> None:
    """A run that has begun waits when only people can take it further."""
    if run.started_at is None:
        return
    going = not run.steps_waiting or await _is_busy(tx, run)
    run.status = RunStatus.RUNNING if going else RunStatus.WAITING


async def _is_busy(tx: Transaction, run: Run) -> bool:
    """Whether a worker is at one of its steps, or may be."""
    if await tx.newest(Step, run_id=run.id, status=StepStatus.QUEUED) is not None:
        return True
    return any(step.is_held for step in await tx.find(Step, run_id=run.id, status=StepStatus.RUNNING))


async def give_up(
    tx: Transaction, run: Run, step: Step, error: RunError, status: StepStatus = StepStatus.FAILED
) -> None:
    """The step has failed for good, and with it the run and the maps whose copy it is of."""
    tx.record(step.end(status, error))
    tx.save(step)
    await _fail_maps(tx, step, error)
    run.error = run.error or error
    await wind_down(tx, run)


async def _fail_maps(tx: Transaction, step: Step, error: RunError) -> None:
    while step.parent_id is not None:
        step = await tx.get(Step, step.parent_id)
        if step.status is StepStatus.RUNNING:  # else another copy failed before
            tx.record(step.end(StepStatus.FAILED, error))
            tx.save(step)


async def wind_down(tx: Transaction, run: Run) -> bool:
    """
    Start nothing more of the run, and end it once no worker is at any of its steps.

    Of thousands of steps so many are ended in one transaction, that nobody waits long for it. Whether more are left:
    the reconciler goes on with them.
    """
    run.steps_waiting = 0
    idle = await tx.find(Step, ENDED_AT_ONCE + 1, run_id=run.id, status=_IDLE)
    _break_off(tx, run, idle[:ENDED_AT_ONCE])
    if len(idle) > ENDED_AT_ONCE:
        return True
    running = await tx.find(Step, run_id=run.id, status=StepStatus.RUNNING)
    _break_off(tx, run, [step for step in running if not step.is_held])
    if not any(step.is_held for step in running):
        run.end(RunStatus.FAILED if run.cancel_requested_at is None else RunStatus.CANCELED)
    return False


def _break_off(tx: Transaction, run: Run, steps: list[Step]) -> None:
    tx.record(
        *(step.end(StepStatus.SKIPPED if run.cancel_requested_at is None else StepStatus.CANCELED) for step in steps)
    )
    tx.save(*steps)
