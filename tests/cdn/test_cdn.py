"""Pictures as pages get them: whole, in parts, or not again."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from hashlib import sha256
from threading import Thread

import asyncpg
import pytest
from asyncpg.connection import LoggedQuery

from app.settings import Settings
from domain.errors import ErrorCode
from storage.pool import asyncpg_url
from storage.public_images import _BY_ADDRESS, _BY_KEY
from tests.cdn.showing import Gallery, gallery, put_picture, told
from tests.providers.drawing import BLUE, encoded, plain

A_YEAR = "public, max-age=31536000"


async def test_a_picture_is_shown_by_file_name_to_whoever_asks(everywhere: Gallery) -> None:
    answer = await everywhere.get(Origin="https://page.example")
    assert (answer.status_code, answer.content) == (200, everywhere.data)
    wanted = {
        "content-type": "image/png",
        "content-length": str(len(everywhere.data)),
        "cache-control": A_YEAR,
        "x-image-id": everywhere.image.id,
        "etag": f'"{sha256(everywhere.data).hexdigest()}"',
        "accept-ranges": "bytes",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
        "access-control-allow-origin": "*",
        "cross-origin-resource-policy": "cross-origin",
    }
    assert wanted.items() <= dict(answer.headers).items()
    assert "last-modified" not in answer.headers
    assert "set-cookie" not in answer.headers
    head = await everywhere.head()
    assert (head.status_code, head.content) == (200, b"")
    assert wanted.items() - {("access-control-allow-origin", "*")} <= dict(head.headers).items()
    assert parsedate_to_datetime(answer.headers["date"])


async def test_parts_of_a_picture_are_its_bytes(everywhere: Gallery) -> None:
    size = len(everywhere.data)
    for text, start, end in (("0-9", 0, 10), ("100-", 100, size), ("-7", size - 7, size)):
        for path in (everywhere.path, f"/storage/{everywhere.image.storage_key}"):
            answer = await everywhere.get(path, Range=f"bytes={text}")
            assert (answer.status_code, answer.content) == (206, everywhere.data[start:end])
            assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
            assert answer.headers["content-length"] == str(end - start)
    beyond = await everywhere.get(Range=f"bytes={size}-")
    assert (beyond.status_code, beyond.content, beyond.headers["content-range"]) == (416, b"", f"bytes */{size}")
    several = await everywhere.get(Range="bytes=0-1,5-6")
    assert (several.status_code, several.content) == (200, everywhere.data)


async def test_a_download_goes_on_only_where_the_bytes_are_still_the_same(shown: Gallery) -> None:
    etag = (await shown.head()).headers["etag"]
    assert (await shown.get(Range="bytes=5-", If_Range=etag)).status_code == 206
    await shown.other_bytes(encoded(plain(10, 10)))
    answer = await shown.get(Range="bytes=5-", If_Range=etag)
    assert (answer.status_code, answer.content) == (200, encoded(plain(10, 10)))


async def test_who_has_the_bytes_is_told_so_with_all_that_caches_need(shown: Gallery) -> None:
    whole = await shown.get()
    answer = await shown.get(If_None_Match=whole.headers["etag"])
    assert (answer.status_code, answer.content) == (304, b"")
    for name in ("etag", "cache-control", "access-control-allow-origin"):
        assert answer.headers[name] == whole.headers[name]
    assert "content-length" not in answer.headers


async def test_an_alias_is_an_address_too(settings: Settings, database_url: str) -> None:
    async with gallery(settings, database_url, alias="@hero") as shown:
        for path in ("/cdn/acme/website/img/@hero", "/cdn/acme/website/img/%40hero"):
            answer = await shown.get(path)
            assert (answer.content, answer.headers["x-image-id"]) == (shown.data, shown.image.id)
            assert answer.headers["cache-control"] == A_YEAR
        assert told(await shown.get("/cdn/acme/website/img/hero")) == (404, "IMAGE_NOT_FOUND")


async def test_an_operator_may_have_aliases_kept_shorter(settings: Settings, database_url: str) -> None:
    shorter = settings.model_copy(update={"cdn_alias_max_age_seconds": 30})
    async with gallery(shorter, database_url, alias="@hero") as shown:
        kept = {path: (await shown.head(path)).headers["cache-control"] for path in (shown.path, _alias("@hero"))}
        assert list(kept.values()) == [A_YEAR, "public, max-age=30"]


async def test_an_alias_given_to_another_picture_shows_that_one_at_once(shown: Gallery) -> None:
    await shown.execute("UPDATE images SET alias = '@hero'")
    first = await shown.get(_alias("@hero"))
    await shown.execute("UPDATE images SET alias = NULL")
    other = await put_picture(shown.client, encoded(plain(10, 10, colour=BLUE)), alias="@hero")
    second = await shown.get(_alias("@hero"), If_None_Match=first.headers["etag"])
    assert (second.status_code, second.headers["x-image-id"]) == (200, other.id)


async def test_the_address_with_the_hash_of_its_bytes_never_changes(shown: Gallery) -> None:
    hash_ = shown.image.file_hash
    for text in (hash_, hash_[:16]):
        assert (await shown.head(f"{shown.path}?v={text}")).headers["cache-control"] == f"{A_YEAR}, immutable"
    for text in ("0" * 16, hash_[:15], hash_[:16].upper() + "x", "x", "%00"):
        answer = await shown.get(f"{shown.path}?v={text}")
        assert (answer.content, answer.headers["cache-control"]) == (shown.data, "public, max-age=60")


async def test_a_picture_made_again_is_shown_at_once_and_its_old_bytes_to_nobody(everywhere: Gallery) -> None:
    before = await everywhere.get()
    again = encoded(plain(30, 20, colour=BLUE))
    await everywhere.other_bytes(again)
    after = await everywhere.get(If_None_Match=before.headers["etag"])
    assert (after.status_code, after.content) == (200, again)
    assert after.headers["x-image-id"] == before.headers["x-image-id"]
    old = await everywhere.get(f"{everywhere.path}?v={everywhere.image.file_hash[:16]}")
    assert (old.content, old.headers["cache-control"]) == (again, "public, max-age=60")


async def test_bytes_that_go_between_row_and_reading_are_looked_for_once_more(
    shown: Gallery, database_url: str
) -> None:
    parts = shown.client.parts
    again = encoded(plain(30, 20))
    await parts.objects.put("again.png", again, "image/png")
    reads: list[str] = []
    await shown.get()

    async def swap() -> None:
        connection = await asyncpg.connect(asyncpg_url(database_url))
        await connection.execute("UPDATE images SET object_key = 'again.png', file_size = $1", len(again))
        await connection.close()
        (parts.settings.data_dir / "objects" / shown.image.object_key).unlink()

    def between(told: LoggedQuery) -> None:
        """When the row was read, and before anything else happens."""
        reads.append(told.query)
        if len(reads) == 1:
            swapping = Thread(target=lambda: asyncio.run(swap()))
            swapping.start()
            swapping.join(10)

    with reading(shown, between):
        answer = await shown.get()
    assert (answer.status_code, answer.content, len(reads)) == (200, again, 2)


async def test_a_deleted_picture_is_gone_at_once(shown: Gallery) -> None:
    etag = (await shown.get()).headers["etag"]
    await shown.execute("DELETE FROM images")
    for headers in ({}, {"If_None_Match": etag}, {"Range": "bytes=0-1"}):
        assert told(await shown.get(**headers)) == (404, "IMAGE_NOT_FOUND")


async def test_a_picture_out_of_sight_is_shown_by_both_its_names(settings: Settings, database_url: str) -> None:
    async with gallery(settings, database_url, alias="@hero") as shown:
        await shown.execute("UPDATE images SET deleted_at = now()")
        assert [(await shown.get(path)).content for path in (shown.path, _alias("@hero"))] == [shown.data] * 2


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/cdn/nobody/website/img/x.png", ErrorCode.ORG_NOT_FOUND),
        ("/cdn/acme/nothing/img/x.png", ErrorCode.PROJECT_NOT_FOUND),
        ("/cdn/acme/website/img/x.png", ErrorCode.IMAGE_NOT_FOUND),
        ("/cdn/acme/website/img/@nobody", ErrorCode.IMAGE_NOT_FOUND),
        ("/cdn/acme/website/img/@", ErrorCode.IMAGE_NOT_FOUND),
        ("/cdn/acme/website/img/@last", ErrorCode.IMAGE_NOT_FOUND),
        ("/cdn/acme/website/img/.", ErrorCode.NOT_FOUND),
        ("/cdn/acme/website/img/..", ErrorCode.NOT_FOUND),
        ("/cdn/acme/website/img/%2e%2e", ErrorCode.IMAGE_NOT_FOUND),
        ("/cdn/acme/website/img/%2e%2e%2f%2e%2e%2fetc%2fpasswd", ErrorCode.NOT_FOUND),
        ("/cdn/acme/website/img/..%5c..%5cx", ErrorCode.IMAGE_NOT_FOUND),
        ("/cdn/acme/website/img/%00", ErrorCode.VALIDATION_ERROR),
        ("/cdn/%00/website/img/x", ErrorCode.VALIDATION_ERROR),
        ("/cdn/acme/website/img/%ff%fe", ErrorCode.IMAGE_NOT_FOUND),
        ("/cdn/acme/website/img/%ed%a0%80", ErrorCode.IMAGE_NOT_FOUND),
        (f"/cdn/acme/website/img/{'x' * 10_000}", ErrorCode.IMAGE_NOT_FOUND),
        (f"/cdn/{'x' * 600}/website/img/x", ErrorCode.IMAGE_NOT_FOUND),
        ("/cdn/acme/website/img/' OR 1=1 --", ErrorCode.IMAGE_NOT_FOUND),
        (f"/cdn/acme/website/img/x.png?{'a=1&' * 100}", ErrorCode.VALIDATION_ERROR),
        (f"/cdn/acme/website/img/x.png?v={'x' * 3_000}", ErrorCode.VALIDATION_ERROR),
        (f"/storage/{'x/' * 1_000}", ErrorCode.IMAGE_NOT_FOUND),
    ],
)
async def test_what_is_not_there_is_said_plainly(seen_by_many: Gallery, path: str, code: ErrorCode) -> None:
    assert told(await seen_by_many.get(path)) == (400 if code is ErrorCode.VALIDATION_ERROR else 404, code)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("host", ["evil.example", "[", "a b", "x" * 1_000, "evil.example/../..", ""])
async def test_a_forged_host_changes_nothing(seen_by_many: Gallery, host: str) -> None:
    answer = await seen_by_many.get(Host=host)
    missing = await seen_by_many.get("/cdn/acme/website/img/x.png", Host=host)
    assert (answer.status_code, missing.status_code) in {(200, 404), (400, 400)}
    assert host not in {*answer.headers.values()} or not host


async def test_only_get_and_head_are_possible(shown: Gallery) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        for path in (shown.path, f"/storage/{shown.image.storage_key}"):
            answer = await shown.client.http.request(method, path)
            assert told(answer) == (405, "METHOD_NOT_ALLOWED")
            assert {"GET", "HEAD"} == set(answer.headers["allow"].split(", "))


async def test_a_hundred_who_ask_at_once_take_few_statements(shown: Gallery) -> None:
    await shown.get()
    reads: list[LoggedQuery] = []
    with reading(shown, reads.append):
        answers = await asyncio.gather(*(shown.get() for _ in range(100)))
    assert {answer.content for answer in answers} == {shown.data}
    assert 1 <= len(reads) <= 50


async def test_a_connection_that_was_cut_costs_nobody_an_answer(shown: Gallery) -> None:
    for path in (shown.path, f"/storage/{shown.image.storage_key}"):
        assert (await shown.get(path)).status_code == 200
    cut = await shown.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%image.object_key%'"
    )
    assert len(cut) == 2
    for path in (shown.path, f"/storage/{shown.image.storage_key}"):
        assert (await shown.get(path)).status_code == 200


async def test_among_thousands_a_picture_is_found_by_an_index(shown: Gallery) -> None:
    await shown.execute(
        """
        INSERT INTO images SELECT copy.* FROM images AS one, generate_series(1, 5000) AS n,
            LATERAL jsonb_populate_record(one, jsonb_build_object('id', gen_random_uuid(), 'alias', '@a' || n,
                'file_name', n || '.png', 'storage_key', n || '.png')) AS copy
        """
    )
    await shown.execute("ANALYZE images")
    asked = {"$1": "ARRAY['acme']", "$2": "ARRAY['website']", "$3": "ARRAY['7.png', '@a7']"}
    by_address, by_key = _BY_ADDRESS, _BY_KEY.replace("$1", asked["$3"])
    for name, value in asked.items():
        by_address = by_address.replace(name, value)
    for query, count in ((by_address, 2), (by_key, 1)):
        plan = "\n".join(row[0] for row in await shown.execute(f"EXPLAIN {query.replace('::text[]', '')}"))
        assert "Seq Scan on images" not in plan
        assert len(await shown.execute(query.replace("::text[]", ""))) == count


async def test_one_address_of_many_asked_at_once_spoils_no_other(shown: Gallery) -> None:
    paths = [shown.path, "/cdn/acme/website/img/x.png", "/cdn/nobody/x/img/y", "/cdn/acme/website/img/%00"] * 10
    answers = await asyncio.gather(*map(shown.get, paths))
    assert [answer.status_code for answer in answers] == [200, 404, 404, 400] * 10


async def test_while_the_store_is_broken_the_answer_is_503_and_says_when_to_come_back(shown: Gallery) -> None:
    objects = shown.client.parts.settings.data_dir / "objects"
    picture = objects / shown.image.object_key
    picture.unlink()
    picture.symlink_to(picture)
    answer = await shown.get()
    assert told(answer) == (503, "UNAVAILABLE")
    assert int(answer.headers["retry-after"]) > 0


async def test_a_picture_whose_bytes_are_nowhere_is_not_found(shown: Gallery) -> None:
    await shown.client.parts.objects.delete(shown.image.object_key)
    assert told(await shown.get()) == (404, "NOT_FOUND")


async def test_a_picture_of_many_pieces_comes_whole(everywhere: Gallery) -> None:
    data = bytes(range(256)) * 4 * 3_000
    await everywhere.other_bytes(data)
    assert (await everywhere.get()).content == data
    assert (await everywhere.get(Range="bytes=1000000-2999999")).content == data[1_000_000:3_000_000]


@contextmanager
def reading(shown: Gallery, logger: Callable[[LoggedQuery], None]) -> Iterator[None]:
    """Whoever wants to know hears of each statement that reads what is shown, as soon as it was answered."""
    assert shown.client.parts.images._addresses._connection, "ask for something first"
    with shown.client.parts.images._addresses._connection.query_logger(logger):
        yield


def _alias(name: str) -> str:
    return f"/cdn/acme/website/img/{name}"
