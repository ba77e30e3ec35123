"""What a live URL finds: its project, its scope, and its image where it was generated before."""

from dataclasses import dataclass

from sqlalchemy import and_, bindparam, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.ids import Id
from domain.images import Image
from domain.live_scopes import WhenSpent
from domain.live_visits import LiveVisit
from storage.failures import spoken_plainly
from storage.statements import columns_of
from storage.tables import generations, images, live_scopes, live_visits, organizations, projects


@dataclass(frozen=True, slots=True)
class Found:
    """What is there of what a live URL names."""

    organization_id: Id | None
    project_id: Id | None
    scope_id: Id | None
    when_spent: WhenSpent | None
    image: Image | None


_IMAGE = [column.label(f"image_{column.name}") for column in columns_of(Image)]
_JOINED = (
    organizations.outerjoin(
        projects, and_(projects.c.organization_id == organizations.c.id, projects.c.slug == bindparam("project"))
    )
    .outerjoin(live_scopes, and_(live_scopes.c.project_id == projects.c.id, live_scopes.c.slug == bindparam("scope")))
    .outerjoin(
        generations,
        and_(
            generations.c.live_scope_id == live_scopes.c.id,
            generations.c.live_key == bindparam("key"),
            generations.c.deleted_at.is_(None),
        ),
    )
    .outerjoin(images, and_(images.c.id == generations.c.output_image_id, images.c.deleted_at.is_(None)))
)
_FIND = (
    select(organizations.c.id, projects.c.id, live_scopes.c.id, live_scopes.c.when_spent, *_IMAGE)
    .select_from(_JOINED)
    .where(organizations.c.slug == bindparam("organization"))
)


class LiveImages:
    """For whoever has the address: no key is asked for."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def find(self, organization: str, project: str, scope: str, key: str) -> Found:
        """What these slugs and the key of a LiveUrl name; one statement, so that a hit costs no more."""
        named = {"organization": organization, "project": project, "scope": scope, "key": key}
        with spoken_plainly():
            async with self.engine.connect() as connection:
                row = (await connection.execute(_FIND, named)).first()
        if row is None:
            return Found(None, None, None, None, None)
        organization_id, project_id, scope_id, when_spent, *values = row
        names = [column.name for column in columns_of(Image)]
        image = Image(**dict(zip(names, values, strict=True))) if values[0] is not None else None
        return Found(organization_id, project_id, scope_id, when_spent, image)

    async def newest_in(self, scope_id: Id) -> Image | None:
        """The image that was generated last in the scope."""
        where = (images.c.live_scope_id == scope_id, images.c.deleted_at.is_(None))
        query = select(*columns_of(Image)).where(*where).order_by(images.c.id.desc()).limit(1)
        with spoken_plainly():
            async with self.engine.connect() as connection:
                row = (await connection.execute(query)).mappings().first()
        return Image(**row) if row else None

    async def visits_of(self, address: str) -> list[LiveVisit]:
        """The visits that are remembered of an address."""
        query = select(*columns_of(LiveVisit)).where(live_visits.c.address == address)
        with spoken_plainly():
            async with self.engine.connect() as connection:
                rows = (await connection.execute(query)).mappings().all()
        return [LiveVisit(**row) for row in rows]
