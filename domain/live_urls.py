"""Live URLs: an image by the words in its address, generated at the first visit and shown at every other."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from unicodedata import normalize

from domain.errors import DomainError, ErrorCode
from domain.generating import make
from domain.generation_commands import require_prompt, to_change
from domain.generations import Generation
from domain.ids import Id
from domain.kinds.enhance import EnhancementTemplate
from domain.live_scope_commands import require_scope_slug
from domain.live_scopes import LiveScope
from domain.live_visits import LiveVisit
from domain.permissions import Actor
from domain.pictures import require_aspect_ratio
from domain.ports import Command, Transaction
from domain.projects import Project, ProjectStatus

VISITS_PER_HOUR = 10
REFUSED = "This prompt was refused: describe another image"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def live_urls_of(project_id: str) -> str:
    """The name in which a project's live URLs are signed."""
    return f"live:{project_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveUrl:
    """What a live URL asks for; `template` is the manner in which the prompt is enhanced, if it is."""

    prompt: str
    aspect_ratio: str = "1:1"
    auto_enhance: bool = True
    template: EnhancementTemplate | None = None

    def __post_init__(self) -> None:
        require_prompt(self.prompt)
        require_aspect_ratio(self.aspect_ratio)

    @property
    def manner(self) -> EnhancementTemplate | None:
        return (self.template or EnhancementTemplate.GENERAL) if self.auto_enhance else None

    @property
    def words(self) -> str:
        """The prompt as it is compared: however its letters are encoded, and whatever surrounds it."""
        return normalize("NFC", self.prompt).strip()

    @property
    def key(self) -> str:
        """The same for every URL that asks for the same: SHA-256, hexadecimal."""
        parts = [self.words, self.aspect_ratio, self.auto_enhance, self.manner]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class VisitLimit:
    """How many images an address may still have generated, and in how many seconds it may one more."""

    remaining: int
    reset_seconds: int


def limit_of(visits: list[LiveVisit], now: datetime) -> VisitLimit:
    recent = [visit.at for visit in visits if visit.at > now - HOUR]
    reset_seconds = ceil((min(recent) + HOUR - now).total_seconds()) if recent else 0
    return VisitLimit(max(0, VISITS_PER_HOUR - len(recent)), reset_seconds)


@dataclass(frozen=True, slots=True)
class LiveAnswer:
    """The generation that makes the image; `limit` is how its visitor's hour stands where they were counted."""

    generation: Generation
    limit: VisitLimit | None


@dataclass(kw_only=True)
class RequestLiveImage(Command[LiveAnswer]):
    """
    Have the image of a live URL generated, unless it is being already: of all who ask at once, one is counted.

    `address` is the visitor's; without one whoever asks has a key, and neither they nor the scope's budget is counted.
    Theirs is a scope whose name no live URL can have.
    """

    project_id: Id
    scope: str
    url: LiveUrl
    address: str | None

    def __post_init__(self) -> None:
        if self.address is not None:
            require_scope_slug(self.scope, "scope")


async def request_live_image(tx: Transaction, actor: Actor, command: RequestLiveImage) -> LiveAnswer:
    await tx.alone(f"live/{command.project_id}")
    project = await tx.get(Project, command.project_id)
    scope = await _scope(tx, project, command)
    known = await tx.newest(Generation, live_scope_id=scope.id, live_key=command.url.key, deleted_at=None)
    if known is not None and (known.is_under_way or known.output_image_id is not None):
        return LiveAnswer(known, await _limit(tx, command.address))
    if command.address is not None:
        _require_worth_trying(known)
        _require_budget(project, scope)
        await _require_day(tx, project)
        await _require_hour(tx, command.address)
    generation = _new(project, scope, command.url) if known is None else await to_change(tx, known.id)
    scope = await tx.get(LiveScope, scope.id, lock=True)
    scope.current_generations += 1
    tx.save(scope)
    generation.is_counted = True
    await make(tx, actor, project, generation, ())
    if known is None:
        tx.add(generation)
        tx.record(generation.told("generation.created"))
    else:  # it failed: tried once more
        generation.retry_count += 1
        tx.record(generation.changed())
        tx.save(generation)
    if command.address is not None:  # last, as people of other projects may come from the same address
        await _visit(tx, project, command.address)
    return LiveAnswer(generation, await _limit(tx, command.address))


async def _scope(tx: Transaction, project: Project, command: RequestLiveImage) -> LiveScope:
    """The scope; where it is not there yet, a visitor may make it if the project lets them."""
    found = await tx.find(LiveScope, project_id=project.id, slug=command.scope)
    if found:
        return found[0]
    settings, is_visitor = project.settings, command.address is not None
    if is_visitor and not settings.allow_new_live_scopes:
        message = f"There is no scope '{command.scope}', and live URLs may make none: create it first"
        raise DomainError(ErrorCode.SCOPE_CREATION_DISABLED, message, field="scope")
    made = {"project_id": project.id, "made_by_visitor": True}
    if is_visitor and len(await tx.find(LiveScope, settings.max_auto_scopes + 1, **made)) >= settings.max_auto_scopes:
        message = "Live URLs have made as many scopes as they may in this project: create this one first"
        raise DomainError(ErrorCode.SCOPE_CREATION_DISABLED, message, field="scope")
    scope = LiveScope(
        organization_id=project.organization_id,
        project_id=project.id,
        slug=command.scope,
        new_generations_limit=settings.new_scope_generations_limit,
        made_by_visitor=is_visitor,
    )
    tx.add(scope)
    return scope


def _require_worth_trying(known: Generation | None) -> None:
    """What the provider has refused it refuses again, at its price."""
    if known is not None and known.error is not None and known.error.code is ErrorCode.PROVIDER_REFUSED:
        raise DomainError(ErrorCode.PROVIDER_REFUSED, REFUSED, field="prompt")


def _require_budget(project: Project, scope: LiveScope) -> None:
    if project.status is ProjectStatus.ARCHIVED:
        raise _spent("This project is put away, and generates no new images")
    if not scope.allow_new_generations:
        raise _spent("This scope generates no new images")
    if scope.remaining == 0:
        raise _spent("This scope has generated as many images as it may")


async def _require_day(tx: Transaction, project: Project) -> None:
    most = project.settings.live_generations_per_day
    if await tx.count_visits(project.id, tx.now - DAY) >= most:
        raise _spent("The project's live URLs have generated as many images as they may in a day")


def _spent(message: str) -> DomainError:
    return DomainError(ErrorCode.SCOPE_GENERATION_LIMIT_EXCEEDED, message)


async def _visit(tx: Transaction, project: Project, address: str) -> None:
    await tx.alone(f"live/{address}")
    await _require_hour(tx, address)
    tx.add(LiveVisit(address=address, visited=project.id, at=tx.now))


async def _require_hour(tx: Transaction, address: str) -> None:
    limit = limit_of(await tx.find(LiveVisit, address=address), tx.now)
    if not limit.remaining:
        message = f"Rate limit exceeded. Try again in {limit.reset_seconds} seconds"
        raise DomainError(ErrorCode.IP_RATE_LIMIT_EXCEEDED, message, retryAfter=limit.reset_seconds)


async def _limit(tx: Transaction, address: str | None) -> VisitLimit | None:
    return None if address is None else limit_of(await tx.find(LiveVisit, address=address), tx.now)


def _new(project: Project, scope: LiveScope, url: LiveUrl) -> Generation:
    return Generation(
        organization_id=project.organization_id,
        project_id=project.id,
        prompt=url.words,
        original_prompt=url.words,
        auto_enhance=url.auto_enhance,
        template=url.manner,
        aspect_ratio=url.aspect_ratio,
        live_scope_id=scope.id,
        live_key=url.key,
        meta={"isLiveUrl": True},
    )
