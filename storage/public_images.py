"""Images for whoever has their address: no key is asked for."""

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.images import Image
from storage.failures import spoken_plainly
from storage.statements import select_of
from storage.tables import images, organizations, projects


class PublicImages:
    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def by_storage_key(self, key: str) -> Image | None:
        return await self._one(images.c.storage_key == key)

    async def by_file_name(self, organization: str, project: str, file_name: str) -> Image | None:
        """The image with this file name in the project, both named by slug."""
        return await self._one(
            organizations.c.slug == organization, projects.c.slug == project, images.c.file_name == file_name
        )

    async def _one(self, *where: ColumnElement[bool]) -> Image | None:
        joined = images.join(projects, images.c.project_id == projects.c.id).join(
            organizations, projects.c.organization_id == organizations.c.id
        )
        query = select_of(Image).select_from(joined).where(*where)
        with spoken_plainly():
            async with self.engine.connect() as connection:
                row = (await connection.execute(query)).mappings().first()
        return Image(**row) if row else None
