"""How generations are asked for, changed, made again and deleted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from domain.aliases import require_alias
from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.flows import UNSAID, Flow, flow_for, require_flow_alias
from domain.generating import make
from domain.generations import Generation
from domain.ids import Id
from domain.image_commands import put_out_of_sight
from domain.images import Image
from domain.kinds.edit_image import MOST_REFERENCES
from domain.kinds.enhance import EnhancementTemplate
from domain.kinds.input_value import LONGEST_TEXT
from domain.naming import take_alias
from domain.permissions import Actor, ActorKind
from domain.pictures import require_aspect_ratio
from domain.plain import require_json_object
from domain.ports import Command, Transaction
from domain.projects import Project
from domain.references import references_of
from domain.run_commands import CancelRun, cancel_run
from domain.runs import SEEDS, Run
from domain.text import require_length
from domain.versions import require_version


@dataclass(kw_only=True)
class CreateGeneration(Command[Generation]):
    """
    Make one image from a prompt, and maybe from other images, named by id or alias.

    The prompt is enhanced first unless `auto_enhance` is false, in the manner of `template`, which
    `enhancement_options` may name instead. `alias` is the name the image gets in the project, `flow_alias` the one in
    its flow. Without `flow_id` it begins a flow of its own; with null it belongs to none. The `seed` of an earlier
    image makes it again, where the provider can.
    """

    project_id: Id | None = None
    prompt: str
    reference_images: list[str] | None = None
    aspect_ratio: str | None = "1:1"
    flow_id: Id | None = UNSAID
    alias: str | None = None
    flow_alias: str | None = None
    auto_enhance: bool | None = True
    template: EnhancementTemplate | None = None
    enhancement_options: dict[str, Any] | None = None
    seed: int | None = None
    meta: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        require_prompt(self.prompt)
        require_aspect_ratio(self.ratio)
        require_json_object({} if self.meta is None else self.meta, "meta")
        if self.alias is not None:
            require_alias(self.alias)
        require_flow_alias(self.flow_alias, self.flow_id)
        require_seed(self.seed)
        if len(self.reference_images or []) > MOST_REFERENCES:
            raise InvalidInput(f"referenceImages are up to {MOST_REFERENCES}", field="referenceImages")
        _ = self.manner

    @property
    def ratio(self) -> str:
        return "1:1" if self.aspect_ratio is None else self.aspect_ratio

    @property
    def manner(self) -> EnhancementTemplate | None:
        """The template that was named, here or there."""
        return _manner(self.template, self.enhancement_options or {})


def require_seed(seed: int | None) -> None:
    if seed is not None and not 0 <= seed < SEEDS:
        raise InvalidInput(f"seed must be a whole number from 0 to {SEEDS - 1}", field="seed")


def require_prompt(prompt: str) -> None:
    if not prompt.strip():
        raise InvalidInput("Prompt is required", field="prompt", hint="Say in words what the image is to show")
    require_length(prompt, "prompt", longest=LONGEST_TEXT)


def _manner(template: EnhancementTemplate | None, options: dict[str, Any]) -> EnhancementTemplate | None:
    if unknown := [key for key in options if key != "template"]:
        message = f"'{unknown[0][:80]}' is not known here; known: template"
        raise InvalidInput(message, field="enhancementOptions")
    named = options.get("template")
    if named is None:
        return template
    if not isinstance(named, str) or named.lower() not in list(EnhancementTemplate):
        message = f"template must be one of {', '.join(EnhancementTemplate)}"
        raise InvalidInput(message, field="enhancementOptions.template")
    if template not in {None, EnhancementTemplate(named.lower())}:
        raise InvalidInput("template and enhancementOptions.template differ: give one of them", field="template")
    return EnhancementTemplate(named.lower())


async def create_generation(tx: Transaction, actor: Actor, command: CreateGeneration) -> Generation:
    project = await tx.get(Project, actor.project_meant(command.project_id))
    if command.alias is not None:
        await take_alias(tx, project.id, command.alias)
    flow_id = await flow_for(tx, project, command.flow_id, command.flow_alias)
    references = await references_of(tx, project.id, command.reference_images or [], flow_id)
    enhanced = command.auto_enhance is not False
    generation = Generation(
        organization_id=project.organization_id,
        project_id=project.id,
        flow_id=flow_id,
        api_key_id=Id(actor.subject) if actor.kind is ActorKind.API_KEY else None,
        prompt=command.prompt,
        original_prompt=command.prompt,
        auto_enhance=enhanced,
        template=command.manner or (EnhancementTemplate.GENERAL if enhanced else None),
        aspect_ratio=command.ratio,
        seed=command.seed,
        reference_image_ids=tuple(image.id for image in references),
        alias=command.alias,
        flow_alias=command.flow_alias,
        meta={} if command.meta is None else command.meta,
    )
    await make(tx, actor, project, generation, references)
    tx.add(generation)
    tx.record(generation.told("generation.created"))
    return generation


@dataclass(kw_only=True)
class UpdateGeneration(Command[Generation]):
    """
    Change a generation: another `prompt` or `aspect_ratio` makes its image again, in its place.

    `flow_id` moves it to another flow, with null out of any; `meta` replaces what was there.
    """

    id: Id
    expected_version: int | None = None
    prompt: str | None = None
    aspect_ratio: str | None = None
    flow_id: Id | None = UNSAID
    meta: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.prompt is not None:
            require_prompt(self.prompt)
        if self.aspect_ratio is not None:
            require_aspect_ratio(self.aspect_ratio)
        if self.meta is not None:
            require_json_object(self.meta, "meta")


async def update_generation(tx: Transaction, actor: Actor, command: UpdateGeneration) -> Generation:
    generation = await to_change(tx, command.id)
    require_version(generation.version, command.expected_version)
    generation.meta = generation.meta if command.meta is None else command.meta
    if command.flow_id != UNSAID:
        await _move(tx, generation, command.flow_id)
    before = (generation.original_prompt, generation.aspect_ratio)
    generation.original_prompt = command.prompt or generation.original_prompt
    generation.aspect_ratio = command.aspect_ratio or generation.aspect_ratio
    if (generation.original_prompt, generation.aspect_ratio) != before:
        if generation.live_key is not None:
            message = "This image belongs to a live URL, which says what it shows: open another live URL instead"
            raise InvalidInput(message, field="prompt" if command.prompt else "aspectRatio")
        await _make_again(tx, actor, generation)
    tx.record(generation.changed())
    tx.save(generation)
    return generation


async def _move(tx: Transaction, generation: Generation, flow_id: Id | None) -> None:
    """Its image goes with it."""
    project = await tx.get(Project, generation.project_id)
    promised = generation.flow_alias if generation.is_under_way else None
    generation.flow_id = await flow_for(tx, project, flow_id, promised)
    for image in await tx.lock(Image, id=generation.output_image_id):
        image.flow_id = generation.flow_id
        tx.record(image.changed())
        tx.save(image)


@dataclass(kw_only=True)
class RegenerateGeneration(Command[Generation]):
    """Make the image again from the same parameters, in its place: its id and addresses stay."""

    id: Id


async def regenerate_generation(tx: Transaction, actor: Actor, command: RegenerateGeneration) -> Generation:
    generation = await to_change(tx, command.id)
    await regenerate(tx, actor, generation)
    return generation


async def regenerate(tx: Transaction, actor: Actor, generation: Generation) -> None:
    await _make_again(tx, actor, generation)
    tx.record(generation.changed())
    tx.save(generation)


async def _make_again(tx: Transaction, actor: Actor, generation: Generation) -> None:
    references = await _references_again(tx, generation)
    await _stop(tx, actor, generation)
    project = await tx.get(Project, generation.project_id)
    generation.retry_count += 1
    generation.is_counted = False
    await make(tx, actor, project, generation, references)


async def _references_again(tx: Transaction, generation: Generation) -> list[Image]:
    """What it was made from, deleted or not, as long as there are bytes. Raises IMAGE_NOT_FOUND."""
    wanted = list(generation.reference_image_ids)
    found = {image.id: image for image in await tx.find(Image, id=sorted(set(wanted)))} if wanted else {}
    if missing := [id_ for id_ in wanted if id_ not in found]:
        message = f"The image '{missing[0]}', which this was made from, was deleted: create a new generation"
        raise DomainError(ErrorCode.IMAGE_NOT_FOUND, message)
    return [found[id_] for id_ in wanted]


async def _stop(tx: Transaction, actor: Actor, generation: Generation) -> None:
    """The run that is under way is not this generation's any more: what comes of it is nobody's."""
    if generation.is_under_way and generation.run_id is not None:
        run_id, generation.run_id = generation.run_id, None
        tx.save(generation)
        await cancel_run(tx, actor, CancelRun(id=run_id))


@dataclass(kw_only=True)
class RegenerateFlow(Command[Generation]):
    """Make the image of a flow's newest generation again, in its place."""

    id: Id


async def regenerate_flow(tx: Transaction, actor: Actor, command: RegenerateFlow) -> Generation:
    flow = await tx.get(Flow, command.id)
    newest = await tx.newest(Generation, flow_id=flow.id, deleted_at=None)
    if newest is None:
        message = "This flow has no generations: make one in it first"
        raise DomainError(ErrorCode.GENERATION_NOT_FOUND, message)
    return await regenerate_generation(tx, actor, RegenerateGeneration(id=newest.id))


@dataclass(kw_only=True)
class DeleteGeneration(Command[Generation]):
    """Remove a generation with its image; an image that has a name stays for whoever shows it, but in no list."""

    id: Id


async def delete_generation(tx: Transaction, actor: Actor, command: DeleteGeneration) -> Generation:
    generation = await to_change(tx, command.id)
    await remove(tx, actor, generation)
    return generation


async def remove(tx: Transaction, actor: Actor, generation: Generation) -> None:
    await _stop(tx, actor, generation)
    for image in await tx.lock(Image, id=generation.output_image_id) if generation.output_image_id else []:
        if not await put_out_of_sight(tx, image):
            generation.output_image_id = None
    tx.record(generation.removed())
    tx.save(generation)


async def to_change(tx: Transaction, id: Id) -> Generation:
    """The generation, this transaction's to change. Its run is locked before it, as workers do."""
    found = await all_to_change(tx, [(await tx.get(Generation, id)).id])
    if not found:
        raise DomainError(ErrorCode.GENERATION_NOT_FOUND, "This generation was deleted")
    return found[0]


async def all_to_change(tx: Transaction, ids: Sequence[Id]) -> list[Generation]:
    """Those of them that are there. Who changes which run makes them comes one after the other; workers never do."""
    for id_ in sorted(ids):
        await tx.alone(f"generation/{id_}")
    seen = await tx.find(Generation, id=list(ids), deleted_at=None)
    runs = [generation.run_id for generation in seen if generation.run_id is not None]
    if runs:
        await tx.lock(Run, id=runs)
    return await tx.lock(Generation, id=[generation.id for generation in seen], deleted_at=None) if seen else []
