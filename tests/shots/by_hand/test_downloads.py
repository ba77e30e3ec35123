"""What a batch has come to, to take away: an archive and a table, of however many pictures, within bounded memory."""

import asyncio
import csv
import gc
import json
import tracemalloc
from io import BytesIO, StringIO
from types import AsyncGeneratorType
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import httpx2
import pytest
from sqlalchemy import text

from tests.engine.crew import until
from tests.shots.by_hand.bringing import PREFIX, name, post, started, upload
from tests.studio import Client
from tests.uploads.sending import OTHER, PICTURE, noise

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def get(client: Client, path: str, batch_id: str, **query: Any) -> httpx2.Response:
    answer = await client.http.get(f"{PREFIX}/{path}", params={"batch_id": batch_id, **query})
    assert answer.status_code == 200, answer.text
    return answer


def opened(answer: httpx2.Response) -> ZipFile:
    found = ZipFile(BytesIO(answer.content))
    assert found.testzip() is None
    return found


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(content.decode(), newline="")))


async def test_the_archive_has_a_table_and_the_newest_picture_of_each_shot(client: Client) -> None:
    batch_id = await started(client)
    first = await upload(client, name(), batch_id=batch_id)
    await post(client, "/retry", {"batch_id": batch_id, "sequence_id": "SQ0010", "plan": "0010"})
    await upload(client, name(version=2), OTHER, batch_id=batch_id)
    await upload(client, name("0030"), batch_id=batch_id)
    answer = await get(client, "pictures.zip", batch_id)
    assert answer.headers["content-disposition"] == f'attachment; filename="E202_S02_{batch_id}.zip"'
    assert answer.headers["content-type"] == "application/zip"
    paths = [f"S02/E202/SQ0010/{one}" for one in (name(version=2), name("0030"))]
    archive = opened(answer)
    assert archive.namelist() == ["manifest.csv", *paths]
    assert {one.compress_type for one in archive.infolist()} == {ZIP_STORED}
    assert [row["path"] for row in rows(archive.read("manifest.csv"))] == paths
    assert archive.read(paths[1]) == (await client.http.get(first.json()["results"][0]["url"])).content
    every = opened(await get(client, "pictures.zip", batch_id, all_versions="true"))
    assert every.namelist() == ["manifest.csv", f"S02/E202/SQ0010/{name()}", *paths]


async def test_the_table_has_all_shots(client: Client) -> None:
    batch_id = await started(client)
    await upload(client, name("0020"), batch_id=batch_id)
    answer = await get(client, "manifest.csv", batch_id)
    assert answer.headers["content-disposition"] == f'attachment; filename="E202_S02_{batch_id}.csv"'
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    found = rows(answer.content)
    assert [(row["plan"], row["status"], row["file_name"]) for row in found] == [
        ("0010", "waiting", name()), ("0020", "done", name("0020")), ("0030", "waiting", name("0030")),
    ]  # fmt: skip
    assert [bool(row["path"]) for row in found] == [False, True, False]
    assert (found[1]["width"], found[1]["version"], len(found[1]["sha256"])) == ("12", "1", 64)
    assert (await client.http.get(found[1]["url"])).status_code == 200


async def test_no_cell_is_a_formula(client: Client) -> None:
    batch_id = await started(client, 4)
    async with client.parts.engine.begin() as connection:
        for plan, beginning in (("0010", "="), ("0020", "+"), ("0030", "-"), ("0040", "@")):
            message = f'{beginning}HYPERLINK("http://x"), "a"\n'
            error = {"code": "PROVIDER_FAILED", "message": message, "node_id": None, "retryable": False}
            await connection.execute(_FAILED, {"error": json.dumps(error), "batch_id": batch_id, "plan": plan})
    problems = [row["problem"] for row in rows((await get(client, "manifest.csv", batch_id)).content)]
    assert [one[:2] for one in problems] == ["'=", "'+", "'-", "'@"]


_FAILED = text("UPDATE shots SET error = CAST(:error AS jsonb) WHERE batch_id = :batch_id AND plan = :plan")


async def test_a_batch_without_pictures_is_an_archive_with_a_table_alone(client: Client) -> None:
    archive = opened(await get(client, "pictures.zip", await started(client)))
    assert archive.namelist() == ["manifest.csv"]
    assert rows(archive.read("manifest.csv")) == []


async def test_what_the_store_has_lost_is_left_out_and_named(client: Client) -> None:
    batch_id = await started(client)
    for plan in ("0010", "0020", "0030"):
        await upload(client, name(plan), PICTURE, batch_id=batch_id)
    async with client.parts.engine.connect() as connection:
        found = await connection.execute(_KEY_OF, {"batch_id": batch_id, "plan": "0020"})
        await client.parts.objects.delete(found.scalar_one())
    archive = opened(await get(client, "pictures.zip", batch_id))
    there = [f"S02/E202/SQ0010/{name(plan)}" for plan in ("0010", "0030")]
    assert archive.namelist() == ["manifest.csv", *there, "missing.csv"]
    assert [row["path"] for row in rows(archive.read("missing.csv"))] == [f"S02/E202/SQ0010/{name('0020')}"]


_KEY_OF = text("""
    SELECT object_key FROM images JOIN shots ON shots.image_id = images.id
    WHERE shots.batch_id = :batch_id AND shots.plan = :plan
""")


async def test_head_tells_of_it_without_making_it(client: Client) -> None:
    batch_id = await started(client, 1)
    for path, kind in (("pictures.zip", "application/zip"), ("manifest.csv", "text/csv; charset=utf-8")):
        answer = await client.http.head(f"{PREFIX}/{path}", params={"batch_id": batch_id})
        assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, kind, b"")


async def test_what_is_asked_for_wrongly_is_refused(client: Client) -> None:
    batch_id = await started(client, 1)
    for query in ({"all_versions": "yes"}, {"format": "tar"}):
        answer = await client.http.get(f"{PREFIX}/pictures.zip", params={"batch_id": batch_id, **query})
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, next(iter(query)))


@pytest.mark.slow
async def test_three_hundred_pictures_are_sent_within_bounded_memory(client: Client) -> None:
    plans = [f"{n:04}" for n in range(1, 301)]
    batch_id = await started(client, sequences=[{"sequence_id": "SQ0010", "plans": plans}])
    picture = noise(800)
    await upload(client, name("0001"), picture, batch_id=batch_id)
    async with client.parts.engine.begin() as connection:
        await connection.execute(_ALL_ALIKE, {"batch_id": batch_id})
    received, names = 0, b""
    tracemalloc.start()
    try:
        query = {"batch_id": batch_id}
        async with client.http.stream("GET", f"{PREFIX}/pictures.zip", params=query) as answer:
            async for piece in answer.aiter_bytes():
                received += len(piece)
                names = (names + piece)[-100_000:]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert received > 300 * 1_500_000
    assert names.count(b"S02/E202/SQ0010/") == 300
    assert peak < 30_000_000, peak


_ALL_ALIKE = text("""
    UPDATE shot_files SET image_id = (SELECT image_id FROM shots WHERE batch_id = :batch_id AND image_id IS NOT NULL)
    WHERE shot_id IN (SELECT id FROM shots WHERE batch_id = :batch_id)
""")


@pytest.mark.slow
async def test_whoever_leaves_early_ends_it_at_once(client: Client) -> None:
    plans = [f"{n:04}" for n in range(1, 301)]
    batch_id = await started(client, sequences=[{"sequence_id": "SQ0010", "plans": plans}])
    await upload(client, name("0001"), noise(800), batch_id=batch_id)
    async with client.parts.engine.begin() as connection:
        await connection.execute(_ALL_ALIKE, {"batch_id": batch_id})
    async with client.http.stream("GET", f"{PREFIX}/pictures.zip", params={"batch_id": batch_id}) as answer:
        assert await anext(answer.aiter_bytes())
        assert len(_archives()) == 1
    async with asyncio.timeout(1):  # all of it takes several seconds

        async def are_closed() -> bool:
            return not _archives()

        await until(are_closed)
    assert not client.parts.objects._threads._readers  # type: ignore[attr-defined]


def _archives() -> list[Any]:
    """Those that are being written."""
    found = [one for one in gc.get_objects() if isinstance(one, AsyncGeneratorType)]
    return [one for one in found if one.ag_code.co_name == "_archive" and one.ag_frame is not None]
