"""Live scopes, and what live URLs would do."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from domain.errors import DomainError, ErrorCode
from domain.generations import Generation
from domain.ids import Id
from domain.images import Image
from domain.kinds import enhance, generate_image
from domain.kinds.enhance import EnhancementTemplate
from domain.live_scope_commands import RegenerateLiveScope
from domain.live_scopes import LiveScope
from domain.live_urls import LiveUrl, live_urls_of
from domain.permissions import Permission
from domain.ports import Command
from domain.projects import Project
from resolvers.context import Info
from storage.pages import Page


class LiveCache(StrEnum):
    HIT = "HIT"
    MISS = "MISS"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveUrlExplanation:
    """What a live URL would do, for the address that asks."""

    canonical_key: str
    cache: LiveCache
    image_id: Id | None
    cost: Decimal
    scope_remaining: int
    ip_remaining: int
    ip_reset_seconds: int


@dataclass(kw_only=True)
class OfLiveScope(Command[Any]):
    """Which live scope is meant."""

    id: Id


async def live_scope(info: Info, project_id: Id, slug: str) -> LiveScope | None:
    return await info.context.reads.one(LiveScope, info.context.actor, project_id=project_id, slug=slug)


async def count_again(info: Info, input: RegenerateLiveScope) -> None:
    """Of what is made again each counts."""
    await info.context.studio.starts.count_again(info.context.actor, input)


async def live_scopes_of(
    root: Project, info: Info, first: int | None = 20, after: str | None = None, slug: str | None = None
) -> Page[LiveScope]:
    given = {} if slug is None else {"slug": slug}
    return await info.context.reads.page(
        LiveScope, info.context.actor, first=first, after=after, project_id=root.id, **given
    )


async def images_of(root: LiveScope, info: Info, first: int | None = 20, after: str | None = None) -> Page[Image]:
    wanted = {"live_scope_id": root.id, "deleted_at": None}
    return await info.context.reads.page(Image, info.context.actor, first=first, after=after, **wanted)


def live_url_secret_of(root: Project, info: Info) -> str | None:
    """What signs the project's live URLs; None for who may not know it."""
    if not info.context.actor.may(Permission.WEBHOOKS_WRITE, root.id):
        return None
    return info.context.studio.webhook_secret(live_urls_of(root.id), 1)


async def explain_live_url(
    info: Info,
    project_id: Id,
    scope: str,
    prompt: str,
    aspect_ratio: str | None = "1:1",
    auto_enhance: bool | None = True,
    template: EnhancementTemplate | None = None,
) -> LiveUrlExplanation:
    reads, actor = info.context.reads, info.context.actor
    url = LiveUrl(
        prompt=prompt,
        aspect_ratio=aspect_ratio or "1:1",
        auto_enhance=auto_enhance is not False,
        template=template,
    )
    project = await reads.one(Project, actor, id=project_id)
    if project is None:
        raise DomainError(ErrorCode.PROJECT_NOT_FOUND, "There is no such project", field="projectId")
    found = await reads.one(LiveScope, actor, project_id=project.id, slug=scope)
    image_id = await _image_of(info, found, url)
    limit = await info.context.studio.live_images.limit_of(info.context.address or "")
    assert limit is not None  # noqa: S101 - of an address there is one
    return LiveUrlExplanation(
        canonical_key=url.key,
        cache=LiveCache.HIT if image_id else LiveCache.MISS,
        image_id=image_id,
        cost=Decimal(0) if image_id else _price(info, url),
        scope_remaining=_remaining(project, found),
        ip_remaining=limit.remaining,
        ip_reset_seconds=limit.reset_seconds,
    )


async def _image_of(info: Info, scope: LiveScope | None, url: LiveUrl) -> Id | None:
    if scope is None:
        return None
    wanted = {"live_scope_id": scope.id, "live_key": url.key, "deleted_at": None}
    generation = await info.context.reads.one(Generation, info.context.actor, **wanted)
    image = await info.context.load(Image, generation.output_image_id) if generation else None
    return image.id if image else None


def _price(info: Info, url: LiveUrl) -> Decimal:
    offers = info.context.studio.offers
    kinds = [generate_image.KIND, *([enhance.KIND] if url.auto_enhance else [])]
    return sum((offers.price(kind, {}) for kind in kinds), Decimal(0))


def _remaining(project: Project, scope: LiveScope | None) -> int:
    """Of a scope that a visitor may still make, what it would begin with."""
    if scope is not None:
        return scope.remaining
    return project.settings.new_scope_generations_limit if project.settings.allow_new_live_scopes else 0
