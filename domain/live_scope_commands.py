"""How live scopes are made, changed, made anew and deleted."""

import re
from dataclasses import dataclass
from typing import Any

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.generation_commands import all_to_change, regenerate, remove
from domain.generations import Generation
from domain.ids import NO_ID, Id
from domain.images import Image
from domain.leftovers import AT_ONCE, Leftover, LeftoverOf
from domain.live_scopes import LiveScope, WhenSpent
from domain.permissions import Actor
from domain.plain import require_json_object
from domain.ports import Command, Transaction
from domain.projects import Project
from domain.versions import require_version

LONGEST_SLUG = 100
MOST_GENERATIONS = 1_000_000
MADE_AGAIN_AT_ONCE = 200

_SLUG = re.compile(r"[a-zA-Z0-9_-]+", re.ASCII)


def require_scope_slug(slug: str, field: str = "slug") -> str:
    """The slug, if it can be one. Raises SCOPE_INVALID_FORMAT."""
    if len(slug) > LONGEST_SLUG or not _SLUG.fullmatch(slug):
        message = f"A scope's slug is letters, digits, - and _, {LONGEST_SLUG} characters at most"
        raise DomainError(ErrorCode.SCOPE_INVALID_FORMAT, message, field=field)
    return slug


def _require_limit(limit: int | None) -> None:
    if limit is not None and not 0 <= limit <= MOST_GENERATIONS:
        message = f"newGenerationsLimit must be 0 to {MOST_GENERATIONS:,}"
        raise InvalidInput(message, field="newGenerationsLimit")


@dataclass(kw_only=True)
class CreateLiveScope(Command[LiveScope]):
    """Make a live scope before its first use. `when_spent` is what live URLs show once it may generate no more."""

    project_id: Id | None = None
    slug: str
    allow_new_generations: bool | None = True
    new_generations_limit: int | None = 30
    when_spent: WhenSpent | None = None
    meta: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        require_scope_slug(self.slug)
        _require_limit(self.new_generations_limit)
        require_json_object({} if self.meta is None else self.meta, "meta")


async def create_live_scope(tx: Transaction, actor: Actor, command: CreateLiveScope) -> LiveScope:
    project = await tx.get(Project, actor.project_meant(command.project_id))
    await tx.alone(f"live/{project.id}")
    if await tx.find(LiveScope, project_id=project.id, slug=command.slug):
        raise DomainError(ErrorCode.SCOPE_ALREADY_EXISTS, "Scope already exists", field="slug")
    scope = LiveScope(
        organization_id=project.organization_id,
        project_id=project.id,
        slug=command.slug,
        allow_new_generations=command.allow_new_generations is not False,
        new_generations_limit=30 if command.new_generations_limit is None else command.new_generations_limit,
        when_spent=command.when_spent or WhenSpent.REFUSE,
        meta={} if command.meta is None else command.meta,
    )
    tx.add(scope)
    return scope


@dataclass(kw_only=True)
class UpdateLiveScope(Command[LiveScope]):
    """Change what is given of a live scope, from now on; `meta` replaces what was there."""

    id: Id
    expected_version: int | None = None
    allow_new_generations: bool | None = None
    new_generations_limit: int | None = None
    when_spent: WhenSpent | None = None
    meta: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        _require_limit(self.new_generations_limit)
        if self.meta is not None:
            require_json_object(self.meta, "meta")


async def update_live_scope(tx: Transaction, actor: Actor, command: UpdateLiveScope) -> LiveScope:
    scope = await tx.get(LiveScope, command.id, lock=True)
    require_version(scope.version, command.expected_version)
    for name in ("allow_new_generations", "new_generations_limit", "when_spent", "meta"):
        given = getattr(command, name)
        if given is not None:
            setattr(scope, name, given)
    scope.change()
    tx.save(scope)
    return scope


@dataclass(kw_only=True)
class RegenerateLiveScope(Command[LiveScope]):
    """Make the scope's images again, each in its place, or `image_id` alone. Raises IMAGE_NOT_IN_SCOPE."""

    id: Id
    image_id: Id | None = None


async def regenerate_live_scope(tx: Transaction, actor: Actor, command: RegenerateLiveScope) -> LiveScope:
    scope = await tx.get(LiveScope, command.id)
    for generation in await all_to_change(tx, await _to_make_again(tx, scope, command.image_id)):
        await regenerate(tx, actor, generation)
    return scope


async def _to_make_again(tx: Transaction, scope: LiveScope, image_id: Id | None) -> list[Id]:
    if image_id is not None:
        image = await tx.get(Image, image_id)
        if image.live_scope_id != scope.id or image.generation_id is None:
            message = "This image does not belong to the scope"
            raise DomainError(ErrorCode.IMAGE_NOT_IN_SCOPE, message, field="imageId")
        return [image.generation_id]
    wanted = {"live_scope_id": scope.id, "deleted_at": None}
    found = await tx.find(Generation, MADE_AGAIN_AT_ONCE + 1, **wanted)
    if len(found) > MADE_AGAIN_AT_ONCE:
        message = f"A scope of more than {MADE_AGAIN_AT_ONCE} images is made again image by image: name its imageId"
        raise InvalidInput(message, field="imageId")
    return [generation.id for generation in found]


@dataclass(kw_only=True)
class DeleteLiveScope(Command[Id]):
    """
    Remove a live scope and its images, for good; an image that has a name stays for whoever shows it.

    It is named by its `id`, or by its `slug` in the project.
    """

    id: Id | None = None
    project_id: Id | None = None
    slug: str | None = None

    def __post_init__(self) -> None:
        if self.id is None:
            require_scope_slug(self.slug or "")


async def delete_live_scope(tx: Transaction, actor: Actor, command: DeleteLiveScope) -> Id:
    scope = await tx.get(LiveScope, command.id or await _id_of(tx, actor, command))
    await tx.alone(f"live/{scope.project_id}")  # nothing new is generated in it meanwhile
    if await clear(tx, actor, scope.id):
        left = {"id": scope.id, "organization_id": scope.organization_id, "project_id": scope.project_id}
        tx.add(Leftover(**left, of=LeftoverOf.LIVE_SCOPE))
    tx.remove(await tx.get(LiveScope, scope.id, lock=True))
    return scope.id


async def clear(tx: Transaction, actor: Actor, scope_id: Id) -> bool:
    """Some of what was generated in a scope goes, with its images; whether more is left."""
    found = await tx.find(Generation, AT_ONCE, live_scope_id=scope_id)
    living = await all_to_change(tx, [generation.id for generation in found if generation.deleted_at is None])
    for generation in living:
        await remove(tx, actor, generation)
    gone = [generation.id for generation in found]
    for generation in await tx.lock(Generation, id=gone) if gone else []:
        generation.live_scope_id = None
        tx.save(generation)
    for image in await tx.lock(Image, generation_id=gone) if gone else []:
        image.live_scope_id = None
        tx.save(image)
    return len(found) == AT_ONCE


async def _id_of(tx: Transaction, actor: Actor, command: DeleteLiveScope) -> Id:
    found = await tx.find(LiveScope, slug=command.slug, project_id=actor.project_meant(command.project_id))
    return found[0].id if found else NO_ID
