"""`GET /pictures.zip` and `GET /manifest.csv`: what a batch has come to, to take away."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from domain.permissions import Actor
from domain.shots.names import path_of
from rest.api_v1.queries import asked_of
from rest.delivery import STALLED_SECONDS
from rest.generate_ai_concept import archive, sheet
from rest.generate_ai_concept.archive import Archive, Entry
from rest.generate_ai_concept.house import AtBatch, House
from rest.generate_ai_concept.starting import flag_of
from rest.generate_ai_concept.telling import url_of
from storage.shot_pictures import PicturedShot, ShotPicture

_BATCH, _ALL = "batch_id", "all_versions"
_MANIFEST, _MISSING = "manifest.csv", "missing.csv"
_HEADER = (
    "sequence_id", "plan", "status", "file_name", "path", "version", "width", "height", "mime_type", "bytes", "sha256",
    "url", "problem",
)  # fmt: skip


async def pictures(house: House, request: Request, actor: Actor) -> Response:
    """The newest picture of each shot that has one, or all versions; a table of them stands first."""
    here, shots, all_versions = await _asked(house, request, actor)
    chosen = [one for shot in shots for one in (shot.pictures if all_versions else shot.pictures[-1:])]
    pieces = _archive(here, [shot for shot in shots if shot.pictures], chosen, all_versions=all_versions)
    return _Download(request, pieces, archive.MIME_TYPE, f"{_name(here)}.zip")


async def manifest(house: House, request: Request, actor: Actor) -> Response:
    """All shots, with their pictures where they have any."""
    here, shots, all_versions = await _asked(house, request, actor)
    pieces = _each(sheet.csv_of(_HEADER, _rows(here, shots, all_versions=all_versions)))
    return _Download(request, pieces, sheet.MIME_TYPE, f"{_name(here)}.csv")


async def _asked(house: House, request: Request, actor: Actor) -> tuple[AtBatch, list[PicturedShot], bool]:
    asked = asked_of(request, (_BATCH, _ALL))
    all_versions = flag_of(asked, _ALL)
    here = await house.at_batch(request, actor, asked.get(_BATCH))
    await here.spend(here.batch.counts.total)
    return here, await house.pictures.shots(here.batch.id), all_versions


def _name(here: AtBatch) -> str:
    return f"{here.batch.episode}_{here.batch.season}_{here.batch.id}"


def _rows(here: AtBatch, shots: Iterable[PicturedShot], *, all_versions: bool) -> Iterator[Sequence[object]]:
    for shot in shots:
        about = (shot.sequence, shot.plan, shot.status.lower())
        problem = shot.error.message if shot.error else ""
        if not shot.pictures:
            yield (*about, shot.file_name, *("",) * (len(_HEADER) - 5), problem)
        for one in shot.pictures if all_versions else shot.pictures[-1:]:
            size = (one.width, one.height, one.mime_type, one.file_size, one.file_hash)
            yield (*about, one.name, path_of(one, one.name), one.version, *size, url_of(here, one), problem)


async def _archive(
    here: AtBatch, shots: list[PicturedShot], chosen: list[ShotPicture], *, all_versions: bool
) -> AsyncGenerator[bytes, None]:
    """A picture whose bytes are gone is left out, and named in another table, which stands last."""
    made, now, gone = Archive(here.house.objects), datetime.now(UTC), list[str]()
    for piece in made.text(_MANIFEST, now, sheet.csv_of(_HEADER, _rows(here, shots, all_versions=all_versions))):
        yield piece
    for one in chosen:
        entry = Entry(path_of(one, one.name), one.object_key, one.file_size, one.created_at)
        is_there = False
        async with aclosing(made.file(entry)) as pieces:
            async for piece in pieces:
                is_there = True
                yield piece
        gone += [] if is_there else [entry.path]
    if gone:
        for piece in made.text(_MISSING, now, sheet.csv_of(("path",), ([path] for path in gone))):
            yield piece
    yield made.end()


async def _each(pieces: Iterable[bytes]) -> AsyncGenerator[bytes, None]:
    for piece in pieces:
        yield piece


class _Download(StreamingResponse):
    """Sent piece by piece; who takes nothing for a minute, or leaves, ends it, and nothing of it is left."""

    def __init__(self, request: Request, pieces: AsyncGenerator[bytes, None], media_type: str, file_name: str) -> None:
        headers = {"Content-Disposition": f'attachment; filename="{file_name}"', "Cache-Control": "no-store"}
        super().__init__(pieces, headers=headers, media_type=media_type)
        self._pieces = pieces
        self._is_wanted = request.method != "HEAD"

    async def stream_response(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with aclosing(self._pieces):
            if self._is_wanted and not await self._sent(send):
                return  # the server ends the connection, as the answer is not whole
        await send({"type": "http.response.body"})

    async def _sent(self, send: Send) -> bool:
        async for piece in self._pieces:
            try:
                async with asyncio.timeout(STALLED_SECONDS):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            except TimeoutError:
                return False
        return True
