"""Images for whoever has their address: no key is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from domain.errors import DomainError, ErrorCode
from domain.ids import Id
from domain.images import FocalPoint
from domain.text import require_keepable
from storage.batches import Batches
from storage.lines import Line

LONGEST_NAME = 512  # characters; no slug, name or key is longer

Address = tuple[str, str, str]
"""Slug of the organization, slug of the project, and a file name or an alias."""


@dataclass(frozen=True, slots=True)
class PublicImage:
    """What is needed of an image to show it: where its bytes are, and what they are."""

    id: Id
    project_id: Id
    object_key: str
    mime_type: str
    file_size: int
    file_hash: str
    width: int
    height: int
    focal_point: FocalPoint | None


Found = PublicImage | ErrorCode
"""The image, or what is missing on the way to it."""


class PublicImages:
    """
    Images as they are at the moment they are asked for.

    Those asked for at once are read by one statement.
    """

    def __init__(self, database_url: str) -> None:
        self._keys, self._addresses = Line(database_url), Line(database_url)
        self._by_key = Batches(self._read_keys)
        self._by_address = Batches(self._read_addresses)

    async def close(self) -> None:
        for line in (self._keys, self._addresses):
            await line.close()

    async def by_storage_key(self, key: str) -> PublicImage | None:
        """The image whose `storageUrl` ends so, unless it was deleted."""
        return await self._by_key.one(key) if may_be(key) else None

    async def shown(self, organization: str, project: str, name: str) -> PublicImage:
        """
        The image with this file name or, with an `@`, this alias, among those that were put out of sight too.

        Raises ORG_NOT_FOUND, PROJECT_NOT_FOUND, IMAGE_NOT_FOUND.
        """
        named = organization and project and name and may_be(f"{organization}{project}{name}")
        found = await self._by_address.one((organization, project, name)) if named else None
        if isinstance(found, PublicImage):
            return found
        raise missing(found or ErrorCode.IMAGE_NOT_FOUND)

    async def _read_keys(self, keys: list[str]) -> Mapping[str, PublicImage]:
        return {row[0]: image_of(*row[1:]) for row in await self._keys.rows(_BY_KEY, keys)}

    async def _read_addresses(self, asked: list[Address]) -> Mapping[Address, Found]:
        rows = await self._addresses.rows(_BY_ADDRESS, *map(list, zip(*asked, strict=True)))
        return {(row[0], row[1], row[2]): _found(*row[3:]) for row in rows}


_MISSING = {
    ErrorCode.ORG_NOT_FOUND: "There is no organization with this slug",
    ErrorCode.PROJECT_NOT_FOUND: "The organization has no project with this slug",
    ErrorCode.IMAGE_NOT_FOUND: "There is no image at this address",
}

SHOWN = """
    image.id, image.project_id, image.object_key, image.mime_type, image.file_size, image.file_hash, image.width,
    image.height, CAST(image.focal_point ->> 'x' AS float8), CAST(image.focal_point ->> 'y' AS float8)
"""
_BY_KEY = f"""
    SELECT image.storage_key, {SHOWN} FROM images AS image
    WHERE image.storage_key = ANY($1::text[]) AND image.deleted_at IS NULL
"""  # noqa: S608 - columns alone
_BY_ADDRESS = f"""
    SELECT asked.organization, asked.project, asked.name, organization.id, project.id, {SHOWN}
    FROM unnest($1::text[], $2::text[], $3::text[])
        AS asked (organization, project, name)
    LEFT JOIN organizations AS organization ON organization.slug = asked.organization
    LEFT JOIN projects AS project ON project.organization_id = organization.id AND project.slug = asked.project
    LEFT JOIN LATERAL (
        SELECT * FROM images WHERE images.project_id = project.id AND images.file_name = asked.name
            AND NOT starts_with(asked.name, '@')
        UNION ALL
        SELECT * FROM images WHERE images.project_id = project.id AND images.alias = asked.name
    ) AS image ON true
"""  # noqa: S608 - columns alone


def missing(code: ErrorCode = ErrorCode.IMAGE_NOT_FOUND) -> DomainError:
    """What is said of an address without an image."""
    return DomainError(code, _MISSING[code])


def may_be(text_: str) -> bool:
    """Whether anything can have this name. Raises VALIDATION_ERROR for what no database can hold."""
    return 0 < len(text_) <= LONGEST_NAME and bool(_keepable(text_))


@lru_cache(maxsize=4_096)
def _keepable(text_: str) -> str:
    return require_keepable(text_, "address")


def _found(organization: object, project: object, id_: object, *told: Any) -> Found:
    if organization is None:
        return ErrorCode.ORG_NOT_FOUND
    if project is None:
        return ErrorCode.PROJECT_NOT_FOUND
    return ErrorCode.IMAGE_NOT_FOUND if id_ is None else image_of(id_, *told)


def image_of(id_: object, project_id: object, *told: Any) -> PublicImage:
    key, mime_type, size, hash_, width, height, x, y = told
    focus = None if x is None else FocalPoint(x, y)
    return PublicImage(Id(str(id_)), Id(str(project_id)), key, mime_type, size, hash_, width, height, focus)
