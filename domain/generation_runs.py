"""What the run of a generation means to it: it is being worked on, has its image, is done."""

from datetime import UTC, datetime, timedelta

from domain.built_ins import ENHANCE
from domain.discarded import Discarded
from domain.errors import ErrorCode
from domain.flows import name_in_flow
from domain.generations import Generation, GenerationStatus
from domain.images import Image
from domain.live_scopes import LiveScope
from domain.ports import Transaction
from domain.runs import Run, RunStatus
from domain.steps import RunError, Step

# Whoever has just read where the bytes of an image are may still want to read them.
READERS_SECONDS = 60

_CANCELED = RunError(code=ErrorCode.CONFLICT, message="The generation was canceled")


async def begin(tx: Transaction, run: Run) -> None:
    generation = await _of(tx, run)
    if generation is not None:
        generation.status = GenerationStatus.PROCESSING
        tx.record(generation.changed())
        tx.save(generation)


async def adopt(tx: Transaction, run: Run, image: Image) -> Image | None:
    """
    The generation's image: the new one at first, later the same as ever with other bytes, all at once.

    None where the generation was deleted meanwhile, or is being made again by another run.
    """
    generation = await _of(tx, run)
    if generation is None:
        return None
    image.generation_id, image.api_key_id = generation.id, generation.api_key_id
    existing = await _existing(tx, generation)
    return await _first(tx, generation, image) if existing is None else _replaced(tx, existing, image)


async def _of(tx: Transaction, run: Run) -> Generation | None:
    """The generation, if this is the run that makes it."""
    found = await tx.newest(Generation, run_id=run.id, deleted_at=None)
    return await tx.get(Generation, found.id, lock=True) if found else None


async def _existing(tx: Transaction, generation: Generation) -> Image | None:
    if generation.output_image_id is None or not await tx.find(Image, id=generation.output_image_id):
        return None
    return await tx.get(Image, generation.output_image_id, lock=True)


async def _first(tx: Transaction, generation: Generation, image: Image) -> Image:
    image.flow_id, image.alias, image.live_scope_id = generation.flow_id, generation.alias, generation.live_scope_id
    if generation.live_scope_id is not None:
        image.meta = {**image.meta, "isLiveUrl": True}
    generation.output_image_id = image.id
    if generation.flow_alias is not None and generation.flow_id is not None:
        await name_in_flow(tx, generation.flow_id, generation.flow_alias, image.id)
    generation.alias = generation.flow_alias = None  # they are its image's now, to lose as images do
    tx.save(generation)
    return image


def _replaced(tx: Transaction, existing: Image, image: Image) -> Image:
    unused = existing.take_bytes(image)
    existing.run_id, existing.step_id = image.run_id, image.step_id
    due_at = datetime.now(UTC) + timedelta(seconds=READERS_SECONDS)
    tx.add(Discarded(organization_id=existing.organization_id, object_key=unused, due_at=due_at))
    tx.record(existing.changed())
    tx.save(existing)
    return existing


async def conclude(tx: Transaction, run: Run) -> None:
    generation = await _of(tx, run)
    if generation is None:
        return
    succeeded = run.status is RunStatus.SUCCEEDED
    generation.status = GenerationStatus.SUCCESS if succeeded else GenerationStatus.FAILED
    generation.error = None if succeeded else run.error or _CANCELED
    generation.prompt = await _prompt(tx, run, generation) if succeeded else generation.prompt
    generation.cost = run.cost or None
    generation.processing_time_ms = round((datetime.now(UTC) - generation.began_at).total_seconds() * 1000, 1)
    gave_back = generation.is_counted and not succeeded and not run.cost
    generation.is_counted = generation.is_counted and not gave_back
    tx.record(generation.changed("generation.completed" if succeeded else "generation.failed"))
    tx.save(generation)
    if succeeded or gave_back:
        await _count(tx, generation, succeeded=succeeded)


async def _prompt(tx: Transaction, run: Run, generation: Generation) -> str:
    """What the image was made from."""
    found = await tx.find(Step, run_id=run.id, node_id=ENHANCE)
    return str(found[0].outputs["text"]) if found else generation.original_prompt


async def _count(tx: Transaction, generation: Generation, *, succeeded: bool) -> None:
    """What was counted, failed and cost nothing was never generated; the scope may have been deleted meanwhile."""
    for scope in await tx.lock(LiveScope, id=generation.live_scope_id) if generation.live_scope_id else []:
        if succeeded:
            scope.last_generated_at = datetime.now(UTC)
        else:
            scope.current_generations = max(0, scope.current_generations - 1)
        tx.save(scope)
