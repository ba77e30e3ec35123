"""Pictures whose file names can be guessed, as those of film shots: only for whoever was told their address."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from tests.cdn.showing import Gallery, gallery, told
from tests.conftest import fresh_database, settings_in
from tests.providers.drawing import encoded, plain

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAME = "E202_SQ0010-0010_AI-concept_v0001.png"
NEVER_GIVEN = "/cdn/acme/website/img/E202_SQ0010-0020_AI-concept_v0001.png"
ALIAS = "/cdn/acme/website/img/@first"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gallery]:
    settings = settings_in(tmp_path_factory.mktemp("gallery"))
    async with fresh_database() as url, gallery(settings, url, file_name=NAME, alias="@first") as one:
        yield one


def known(shown: Gallery, more: str = "") -> str:
    return f"{shown.path}?v={shown.image.file_hash[:16]}{more}"


def seen(answer: httpx2.Response) -> tuple[int, dict[str, str]]:
    """What of an answer tells whether anything is there."""
    own = {"date", "x-trace-id", "traceparent"}
    return answer.status_code, {name: value for name, value in answer.headers.items() if name not in own}


async def test_a_guessed_name_is_answered_as_one_that_was_never_given(shown: Gallery) -> None:
    hash_ = shown.image.file_hash
    asked = ("", "w=640", "w=7", "format=webp", "v=", "v=0123456789abcdef", f"v={hash_[:15]}", f"v={hash_[:15]}x",
             f"v={hash_}0", f"v={hash_[:16].upper()}x", f"w=640&v={hash_[:8]}", f"v={hash_[:16]}&v=x")  # fmt: skip
    for query in asked:
        assert told(await shown.get(f"{shown.path}?{query}")) == (404, "IMAGE_NOT_FOUND"), query
        for ask in (shown.get, shown.head):
            assert seen(await ask(f"{shown.path}?{query}")) == seen(await ask(f"{NEVER_GIVEN}?{query}")), query
    etag = f'"{hash_}"'
    for headers in ({"Range": "bytes=0-1"}, {"If_None_Match": etag}, {"If_None_Match": "*"}, {"If_Match": "x"},
                    {"Range": "bytes=0-1", "If_Range": etag}):  # fmt: skip
        for ask in (shown.get, shown.head):
            assert seen(await ask(**headers)) == seen(await ask(NEVER_GIVEN, **headers)), headers
            assert (await ask(**headers)).status_code == 404


async def test_its_own_address_shows_it_in_every_way(shown: Gallery) -> None:
    path = shown.image.cdn_path("acme", "website")
    whole = await shown.get(path)
    assert (whole.content, whole.headers["cache-control"]) == (shown.data, "public, max-age=31536000, immutable")
    assert path == known(shown)
    assert (await shown.head(path)).status_code == 200
    assert (await shown.get(path, Range="bytes=0-1")).content == shown.data[:2]
    assert (await shown.get(path, If_None_Match=whole.headers["etag"])).status_code == 304
    assert (await shown.get(known(shown, "&w=320"))).status_code == 200
    assert told(await shown.get(known(shown, "&w=7"))) == (400, "VALIDATION_ERROR")


async def test_by_an_alias_it_is_shown_as_any_other(shown: Gallery) -> None:
    assert [(await shown.get(f"{ALIAS}{query}")).status_code for query in ("", "?v=x", "?w=320")] == [200] * 3


async def test_the_address_of_bytes_it_had_once_shows_nobody_those_it_has_now(tmp_path: Path) -> None:
    async with fresh_database() as url, gallery(settings_in(tmp_path), url, file_name=NAME) as shown:
        assert (await shown.get(known(shown))).status_code == 200
        await shown.other_bytes(encoded(plain(10, 10)))
        assert told(await shown.get(known(shown))) == (404, "IMAGE_NOT_FOUND")
