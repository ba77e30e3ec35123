"""Images, and what they come from: flows, generations, live scopes."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from domain import flows as domain_flows
from domain import generations as domain_generations
from domain import images as domain_images
from domain import live_scopes as domain_live_scopes
from domain.aliases import AliasScope
from domain.ids import Id
from domain.kinds.enhance import EnhancementTemplate
from resolvers import flows, generations, images, live_scopes, projects
from schema.connections import Connection
from schema.fields import of, said
from schema.types import LazyRun, Node, Project


@of(flows.Named)
class FlowAlias:
    """A name that an image has in a flow."""

    alias: str = said("The name, as @hero.")
    image: "Image" = said("The image.")


@of(domain_flows.Flow)
class Flow(Node):
    """A chain of generations and images that belong together, with aliases of its own."""

    project: Project = said("Where it belongs.", projects.project_of)
    aliases: list[FlowAlias] = said("Names that images have in it.", flows.aliases_of)
    generation_count: int = said("How many generations belong to it.", generations.generation_count_of)
    image_count: int = said("How many images belong to it.", flows.image_count_of)
    meta: dict[str, Any] = said("What else is known of it.")
    version: int = said("Grows by 1 with each change.")
    created_at: datetime = said("When it was made.")
    updated_at: datetime = said("When it was last changed.")
    generations: Connection["Generation"] = said("Its generations, newest first.", generations.generations_of_flow)
    images: Connection["Image"] = said("Its images, newest first.", flows.images_of)


@of(domain_images.FocalPoint)
class FocalPoint:
    """What must stay in sight when an image is cropped: 0.0 to 1.0 of its width and height."""

    x: float = said("From the left.")
    y: float = said("From the top.")


@of(domain_images.Image)
class Image(Node):
    """A picture that is kept, with what is known of it."""

    project: Project = said("Where it belongs.", projects.project_of)
    flow: Flow | None = said("The flow it belongs to.", flows.flow_of)
    generation: "Generation | None" = said("The generation whose image it is.", generations.generation_of)
    storage_key: str = said("What its address is made of: stays when the image is made again.")
    storage_url: str = said("Where its bytes are: stable, and impossible to guess.", images.storage_url)
    cdn_url: str = said("Where to show it from; changes with its bytes.", images.cdn_url)
    mime_type: str = said("image/png, image/jpeg or image/webp.")
    file_size: int = said("In bytes.")
    width: int = said("In pixels.")
    height: int = said("In pixels.")
    source: domain_images.ImageSource = said("Generated here, or uploaded.")
    alias: str | None = said("Its name in the project, as @hero.")
    focal_point: FocalPoint | None = said("What must stay in sight when it is cropped.")
    file_hash: str = said("The SHA-256 of its bytes, hexadecimal.")
    file_name: str = said("Its file name.")
    api_key_id: Id | None = said("The API key that uploaded it.")
    seed: str | None = said("What made it the way it is; the same seed makes the same picture, where the provider can.")
    model: str | None = said("The model that made it.")
    provider: str | None = said("Whose model that was.")
    meta: dict[str, Any] = said("What else is known of it.")
    version: int = said("Grows by 1 with each change.")
    created_at: datetime = said("When it was made.")
    updated_at: datetime = said("When it was last changed.")
    deleted_at: datetime | None = said("When it was deleted; null while it is there.")


@of(flows.ResolvedAlias)
class ResolvedAlias:
    """Which image an alias means here, and why: `shadowed` names the tiers that lost."""

    alias: str = said("The alias, as it was asked for.")
    scope: AliasScope = said("Who knows it: what is computed goes before the flow, the flow before the project.")
    flow: Flow | None = said("The flow that knows it.", flows.flow_of)
    image: Image = said("The image.")
    shadowed: list[AliasScope] = said("Who knows another image by this alias.")


@of(domain_generations.Generation)
class Generation(Node):
    """One image asked for by a prompt, with all that is needed to make it again in its place."""

    project: Project = said("Where it belongs.", projects.project_of)
    flow: Flow | None = said("The flow it belongs to, once that was named by somebody.", flows.flow_of)
    flow_id: Id | None = said("The flow's id, whether it was named yet or not: give it to the next of a chain.")
    prompt: str = said("What the image was made from: the enhanced prompt where it was enhanced.")
    original_prompt: str = said("What was asked for.")
    auto_enhance: bool = said("Whether the prompt is enhanced.")
    template: EnhancementTemplate | None = said("In which manner; null where it is not.")
    aspect_ratio: str = said("As 16:9.")
    seed: int | None = said("What was asked to make its image the way it is; null where each is new.")
    status: domain_generations.GenerationStatus = said("How far it is.")
    output_image: Image | None = said("Its image; while it is made again, the one before.", generations.output_image_of)
    reference_images: list[Image] = said("The images it is made from.", generations.reference_images_of)
    run: LazyRun | None = said("The run that makes its image, or made it last.", generations.run_of)
    processing_time_ms: float | None = said("From asking to the end, in milliseconds; null until then.")
    cost: Decimal | None = said("In credits; null where nothing was charged.")
    retry_count: int = said("How often its image was made again.")
    error_message: str | None = said("Why it failed the last time.")
    meta: dict[str, Any] = said("What else is known of it.")
    version: int = said("Grows by 1 with each change.")
    created_at: datetime = said("When it was asked for.")
    updated_at: datetime = said("When it was last changed.")
    deleted_at: datetime | None = said("When it was deleted; null while it is there.")


@of(domain_live_scopes.LiveScope)
class LiveScope(Node):
    """A budget of images that live URLs may generate in it, and the images they did."""

    project: Project = said("Where it belongs.", projects.project_of)
    slug: str = said("Its name in live URLs.")
    allow_new_generations: bool = said("Whether live URLs may generate images in it; those it has are shown anyway.")
    new_generations_limit: int = said("How many images they may generate.")
    current_generations: int = said("How many they have generated, or are generating.")
    last_generated_at: datetime | None = said("When the last one was done.")
    when_spent: domain_live_scopes.WhenSpent = said("What a live URL shows once nothing more may be generated.")
    meta: dict[str, Any] = said("What else is known of it.")
    version: int = said("Grows by 1 with each change.")
    created_at: datetime = said("When it was made.")
    updated_at: datetime = said("When it was last changed.")
    images: Connection[Image] = said("Its images, newest first.", live_scopes.images_of)


@of(live_scopes.LiveUrlExplanation)
class LiveUrlExplanation:
    """What a live URL would do, without doing it."""

    canonical_key: str = said("The same for every URL that asks for the same image.")
    cache: live_scopes.LiveCache = said("Whether the image is there already.")
    image_id: Id | None = said("The image; null where it is not there.")
    cost: Decimal = said("What generating it would cost, in credits; 0 where it is there.")
    scope_remaining: int = said("How many images the scope may still generate.")
    ip_remaining: int = said("How many images your address may still have generated, of 10 in an hour.")
    ip_reset_seconds: int = said("In how many seconds it may one more; 0 where none was counted.")
