"""The pictures of a batch's shots, and what happened to them, each read at once."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.ids import Id
from domain.shots.shot import ShotStatus
from domain.steps import RunError
from storage.failures import spoken_plainly
from storage.pool import reading
from storage.tables.pictures import images
from storage.tables.shots import shot_files, shot_logs, shots


@dataclass(frozen=True, slots=True)
class ShotPicture:
    """A file that is there; `file_size` is in bytes, `file_hash` their SHA-256."""

    season: str
    episode: str
    sequence: str
    plan: str
    version: int
    name: str
    shown_as: str
    mime_type: str
    width: int
    height: int
    file_size: int
    file_hash: str
    object_key: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PicturedShot:
    """A shot and its pictures, the oldest version first."""

    sequence: str
    plan: str
    status: ShotStatus
    error: RunError | None
    file_name: str
    pictures: list[ShotPicture] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ShotLine:
    """One thing that happened to a shot, or, where it names none, to its batch."""

    id: Id
    at: datetime
    level: str
    message: str
    shot_id: Id | None
    sequence: str | None
    plan: str | None


@dataclass(frozen=True, slots=True)
class LogWindow:
    """So many lines: those right after one, else those right before one, else the newest."""

    most: int
    after: Id | None = None
    before: Id | None = None


@dataclass(frozen=True, slots=True)
class PictureWindow:
    """So many pictures: those right behind the one of this name, else the first."""

    most: int
    after: str | None = None


_FILE = shot_files.c
_IMAGE = images.c
_SHOT = shots.c
_PICTURE = (
    _FILE.season, _FILE.episode, _FILE.sequence, _FILE.plan, _FILE.version, _FILE.name, _IMAGE.file_name.label("shown"),
    _IMAGE.mime_type, _IMAGE.width, _IMAGE.height, _IMAGE.file_size, _IMAGE.file_hash, _IMAGE.object_key,
    _IMAGE.created_at,
)  # fmt: skip
_FILES = shot_files.join(images, and_(_IMAGE.id == _FILE.image_id, _IMAGE.deleted_at.is_(None)))
_PICTURES = (
    select(_SHOT.id, _SHOT.sequence, _SHOT.plan, _SHOT.status, _SHOT.error, _SHOT.file_name, *_PICTURE)
    .select_from(shots.outerjoin(_FILES, _FILE.shot_id == _SHOT.id))
    .order_by(_SHOT.id, _FILE.version)
)
_PICTURES_ALONE = select(*_PICTURE).select_from(shots.join(_FILES, _FILE.shot_id == _SHOT.id))
_PLACE = (_SHOT.id, _FILE.version)
_LINES = select(
    *(shot_logs.c[name] for name in ("id", "at", "level", "message", "shot_id")), _SHOT.sequence, _SHOT.plan
)
_OF_SHOT = 6


class ShotPictures:
    """Of batches that the caller was seen to be allowed to look at."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = reading(engine)

    async def shots(self, batch_id: Id) -> list[PicturedShot]:
        """All shots of the batch in their order, with the pictures they have."""
        found: dict[Id, PicturedShot] = {}
        for row in await self._rows(_PICTURES.where(_SHOT.batch_id == batch_id)):
            shot = found.get(row[0])
            if shot is None:
                shot = found[row[0]] = PicturedShot(*row[1:_OF_SHOT])
            if row[_OF_SHOT] is not None:
                shot.pictures.append(ShotPicture(*row[_OF_SHOT:]))
        return list(found.values())

    async def window(self, batch_id: Id, window: PictureWindow) -> list[ShotPicture] | None:
        """Pictures in the order of their shots, each version of each; None where there is no name to begin behind."""
        query = _PICTURES_ALONE.where(_SHOT.batch_id == batch_id).order_by(*_PLACE).limit(window.most)
        if window.after is not None:
            named = select(*_PLACE).select_from(shots.join(shot_files, _FILE.shot_id == _SHOT.id))
            places = await self._rows(named.where(_SHOT.batch_id == batch_id, _FILE.name == window.after))
            if not places:
                return None
            query = query.where(tuple_(*_PLACE) > tuple_(*places[0], types=[column.type for column in _PLACE]))
        return [ShotPicture(*row) for row in await self._rows(query)]

    async def lines(self, batch_id: Id, window: LogWindow) -> tuple[list[ShotLine], bool]:
        """What happened, oldest first, and whether there is more of it in the direction of the window."""
        id_ = shot_logs.c.id
        query = _LINES.select_from(shot_logs.outerjoin(shots, _SHOT.id == shot_logs.c.shot_id))
        query = query.where(shot_logs.c.batch_id == batch_id).limit(window.most + 1)
        if window.before is not None:
            query = query.where(id_ < window.before)
        query = query.order_by(id_.desc()) if window.after is None else query.where(id_ > window.after).order_by(id_)
        rows = await self._rows(query)
        lines = [ShotLine(*row) for row in rows[: window.most]]
        return lines if window.after is not None else lines[::-1], len(rows) > window.most

    async def _rows(self, query: Select[Any]) -> list[Any]:
        with spoken_plainly():
            async with self.engine.connect() as connection:
                return list((await connection.execute(query)).all())
