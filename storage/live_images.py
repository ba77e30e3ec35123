"""What a live URL finds: its project, its scope, and its image where it was generated before."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from domain.generations import GenerationStatus
from domain.ids import Id
from domain.live_scopes import WhenSpent
from domain.live_urls import VisitLimit, limit_of
from domain.live_visits import LiveVisit
from storage.batches import Batches
from storage.lines import Line
from storage.public_images import SHOWN, PublicImage, image_of, may_be

Address = tuple[str, str, str, str]
"""Slug of the organization, slug of the project, slug of the scope, and the key of a LiveUrl."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is there of what a live URL names."""

    organization_id: Id | None = None
    project_id: Id | None = None
    must_be_signed: bool = False
    scope_id: Id | None = None
    when_spent: WhenSpent | None = None
    generation_id: Id | None = None
    status: GenerationStatus | None = None
    image: PublicImage | None = None

    @property
    def is_under_way(self) -> bool:
        return self.status in {GenerationStatus.PENDING, GenerationStatus.PROCESSING}


class LiveImages:
    """For whoever has the address: no key is asked for. Those asked for at once are read by one statement."""

    def __init__(self, database_url: str) -> None:
        self._addresses, self._others = Line(database_url), Line(database_url)
        self._by_address = Batches(self._read)
        self._by_scope = Batches(self._read_newest)
        self._by_visitor = Batches(self._read_visits)

    async def close(self) -> None:
        for line in (self._addresses, self._others):
            await line.close()

    async def find(self, organization: str, project: str, scope: str, key: str) -> Found:
        """What these slugs and the key of a LiveUrl name."""
        if not (organization and project and may_be(f"{organization}{project}")):
            return Found()
        return await self._by_address.one((organization, project, scope, key)) or Found()

    async def newest_in(self, scope_id: Id) -> PublicImage | None:
        """The image that was generated last in the scope."""
        return await self._by_scope.one(scope_id)

    async def limit_of(self, address: str | None) -> VisitLimit | None:
        """How the address's hour stands; None for whoever is not counted."""
        if address is None:
            return None
        return limit_of(await self._by_visitor.one(address) or [], datetime.now(UTC))

    async def _read(self, asked: list[Address]) -> Mapping[Address, Found]:
        rows = await self._addresses.rows(_BY_ADDRESS, *map(list, zip(*asked, strict=True)))
        return {(row[0], row[1], row[2], row[3]): _found(*row[4:]) for row in rows}

    async def _read_newest(self, scopes: list[Id]) -> Mapping[Id, PublicImage]:
        rows = await self._others.rows(_NEWEST, scopes)
        return {Id(str(row[0])): image_of(*row[1:]) for row in rows}

    async def _read_visits(self, addresses: list[str]) -> Mapping[str, list[LiveVisit]]:
        found: dict[str, list[LiveVisit]] = {}
        for address, visited, at in await self._others.rows(_VISITS, addresses):
            found.setdefault(address, []).append(LiveVisit(address=address, visited=Id(str(visited)), at=at))
        return found


def _found(organization: Any, project: Any, signed: Any, scope: Any, spent: Any, made: Any, *told: Any) -> Found:
    status, image_id, *image = told
    return Found(
        organization_id=_id(organization),
        project_id=_id(project),
        must_be_signed=bool(signed),
        scope_id=_id(scope),
        when_spent=None if spent is None else WhenSpent(spent),
        generation_id=_id(made),
        status=None if status is None else GenerationStatus(status),
        image=None if image_id is None else image_of(image_id, *image),
    )


def _id(value: object) -> Id | None:
    return None if value is None else Id(str(value))


_BY_ADDRESS = f"""
    SELECT asked.organization, asked.project, asked.scope, asked.key, organization.id, project.id,
        (project.settings ->> 'require_signed_live_urls')::boolean, scope.id, scope.when_spent, generation.id,
        generation.status, {SHOWN}
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS asked (organization, project, scope, key)
    LEFT JOIN organizations AS organization ON organization.slug = asked.organization
    LEFT JOIN projects AS project ON project.organization_id = organization.id AND project.slug = asked.project
    LEFT JOIN live_scopes AS scope ON scope.project_id = project.id AND scope.slug = asked.scope
    LEFT JOIN generations AS generation ON generation.live_scope_id = scope.id AND generation.live_key = asked.key
        AND generation.deleted_at IS NULL
    LEFT JOIN images AS image ON image.id = generation.output_image_id AND image.deleted_at IS NULL
"""  # noqa: S608 - columns alone
_NEWEST = f"""
    SELECT asked.scope_id, {SHOWN} FROM unnest($1::uuid[]) AS asked (scope_id)
    JOIN LATERAL (
        SELECT * FROM images WHERE images.live_scope_id = asked.scope_id AND images.deleted_at IS NULL
        ORDER BY images.id DESC LIMIT 1
    ) AS image ON true
"""  # noqa: S608 - columns alone
_VISITS = (
    "SELECT address, visited, at FROM live_visits WHERE address = ANY($1::text[]) AND at > now() - interval '1 hour'"
)
