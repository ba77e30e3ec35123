"""Pictures as pages ask for them: smaller, of another shape, in another format."""

import asyncio
from typing import Any

import pytest

from app.settings import Settings
from domain.image_variants import asked, wanted
from domain.images import FocalPoint
from rest.variants import AT_ONCE, MOST_WAITING
from tests.cdn.showing import Gallery, gallery, opened, put_picture, told
from tests.providers.drawing import BLUE, GREEN, RED, WHITE, encoded, near, plain

SIZES = (16, 64, 100, 256, 1_024)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("query", "size", "mime_type"),
    [
        ("w=96", (96, 96), "image/png"),
        ("h=48", (48, 48), "image/png"),
        ("w=320&h=64", (320, 64), "image/png"),
        ("w=320&h=64&fit=cover", (320, 64), "image/png"),
        ("w=320&h=64&fit=contain", (64, 64), "image/png"),
        ("w=2048&fit=contain", (400, 400), "image/png"),
        ("w=2048", (400, 400), "image/png"),
        ("format=webp", (400, 400), "image/webp"),
        ("format=jpeg&w=64", (64, 64), "image/jpeg"),
        ("w=512&h=512", (512, 512), "image/png"),
        ("w=&h=64&fit=&format=", (64, 64), "image/png"),
        ("utm_source=x&w=64&w=96&_=1", (96, 96), "image/png"),
    ],
)
async def test_a_picture_is_as_it_is_asked_for(
    seen_by_many: Gallery, query: str, size: tuple[int, int], mime_type: str
) -> None:
    answer = await seen_by_many.get(f"{seen_by_many.path}?{query}")
    picture = opened(answer)
    assert (picture.size, f"image/{str(picture.format).lower()}", answer.headers["content-type"]) == (
        size, mime_type, mime_type
    )  # fmt: skip
    assert answer.headers["x-image-id"] == seen_by_many.image.id
    assert answer.headers["cache-control"] == "public, max-age=31536000"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("query", "field", "known"),
    [
        ("w=97", "w", "96, 128"),
        ("h=100000", "h", "1920, 2048"),
        ("w=-64", "w", "16, 32"),
        ("w=abc", "w", "16, 32"),
        ("w=%D9%A1%D9%A6", "w", "16, 32"),
        ("w=64.0", "w", "16, 32"),
        (f"w={'6' * 1_900}", "w", "16, 32"),
        ("w=64&fit=fill", "fit", "cover, contain"),
        ("format=gif", "format", "png, jpeg, webp"),
        ("format=%00", "format", "png, jpeg, webp"),
    ],
)
async def test_what_cannot_be_asked_for_is_refused_with_what_can(
    seen_by_many: Gallery, query: str, field: str, known: str
) -> None:
    answer = await seen_by_many.get(f"{seen_by_many.path}?{query}")
    assert told(answer) == (400, "VALIDATION_ERROR")
    assert (answer.json()["error"]["field"], known in answer.json()["error"]["message"]) == (field, True)


async def test_a_variant_has_all_that_an_original_has(everywhere: Gallery) -> None:
    path = f"{everywhere.path}?w=64&format=webp"
    whole, head = await everywhere.get(path), await everywhere.head(path)
    etag = whole.headers["etag"]
    assert etag != (await everywhere.head()).headers["etag"]
    assert (head.headers["etag"], head.headers["content-length"]) == (etag, str(len(whole.content)))
    assert (await everywhere.get(path, If_None_Match=etag)).status_code == 304
    part = await everywhere.get(path, Range="bytes=4-11", If_Range=etag)
    assert (part.status_code, part.content) == (206, whole.content[4:12])
    assert whole.headers["access-control-allow-origin"] == "*"


async def test_a_variant_is_asked_for_by_alias_too(settings: Settings, database_url: str) -> None:
    shorter = settings.model_copy(update={"cdn_alias_max_age_seconds": 30})
    async with gallery(shorter, database_url, alias="@hero") as shown:
        answer = await shown.get("/cdn/acme/website/img/@hero?w=64")
        assert opened(answer).size == (64, 64)
        assert answer.headers["cache-control"] == "public, max-age=30"


async def test_the_hash_of_the_original_makes_no_variant_immutable(shown: Gallery) -> None:
    answer = await shown.get(f"{shown.path}?v={shown.image.file_hash[:16]}&w=64")
    assert "immutable" not in answer.headers["cache-control"]


async def test_what_comes_to_the_same_is_made_and_kept_once(shown: Gallery) -> None:
    before = await shown.stored()
    same = ["w=64", "h=64", "w=64&h=64", "w=64&h=2048&fit=contain", "h=64&w=64&v=x&utm=1", "w=64&format=png"]
    answers = [await shown.get(f"{shown.path}?{query}") for query in same]
    assert len({answer.headers["etag"] for answer in answers}) == 1
    assert len(await shown.stored() - before) == 1
    assert [len(await shown.execute("SELECT 1 FROM image_variants"))] == [1]


async def test_fifty_who_ask_at_once_for_a_new_one_have_it_made_once(everywhere: Gallery) -> None:
    before = await everywhere.stored()
    answers = await asyncio.gather(*(everywhere.get(f"{everywhere.path}?w=128&h=64") for _ in range(50)))
    assert len({answer.content for answer in answers}) == 1
    assert {answer.status_code for answer in answers} == {200}
    assert len(await everywhere.stored() - before) == 1


async def test_what_is_cut_is_cut_around_the_focal_point_as_it_is_now(shown: Gallery) -> None:
    path = f"{shown.path}?w=320&h=16"
    for y, left, right in ((0.0, RED, GREEN), (1.0, BLUE, WHITE), (0.0, RED, GREEN)):
        await shown.execute(
            "UPDATE images SET focal_point = jsonb_build_object('x', 0.5, 'y', CAST(:y AS float8))", y=y
        )
        picture = opened(await shown.get(path)).convert("RGB")
        assert near(picture.getpixel((5, 5)), left)
        assert near(picture.getpixel((310, 5)), right)


async def test_variants_go_with_their_image(everywhere: Gallery) -> None:
    for query in ("w=64", "w=128", "format=webp"):
        assert (await everywhere.get(f"{everywhere.path}?{query}")).status_code == 200
    assert len(await everywhere.stored()) == 4
    await everywhere.execute("DELETE FROM images")
    assert told(await everywhere.get(f"{everywhere.path}?w=64")) == (404, "IMAGE_NOT_FOUND")
    assert await everywhere.tidied() == {everywhere.image.object_key}
    assert await everywhere.execute("SELECT 1 FROM image_variants") == []


async def test_variants_of_bytes_that_were_replaced_are_shown_to_nobody_and_go(shown: Gallery) -> None:
    path = f"{shown.path}?w=64"
    before = await shown.get(path)
    await shown.other_bytes(encoded(plain(400, 400, colour=BLUE)))
    after = await shown.get(path, If_None_Match=before.headers["etag"])
    assert near(opened(after).convert("RGB").getpixel((5, 5)), BLUE)
    variants = [key for key in await shown.tidied() if key.startswith("variants/")]
    assert len(variants) == 1


async def test_variants_outlive_what_else_changes_of_an_image(shown: Gallery) -> None:
    await shown.get(f"{shown.path}?w=64")
    await shown.execute(
        "UPDATE images SET meta = '{\"a\": 1}', alias = '@x', version = version + 1, file_hash = file_hash"
    )
    assert len(await shown.tidied()) == 2


async def test_of_one_image_so_many_variants_are_kept_and_the_oldest_go(settings: Settings, database_url: str) -> None:
    few = settings.model_copy(update={"cdn_variants_per_image": 3})
    async with gallery(few, database_url) as shown:
        for width in (16, 32, 48, 64, 96):
            assert opened(await shown.get(f"{shown.path}?w={width}")).width == width
        assert len([key for key in await shown.tidied() if key.startswith("variants/")]) == 3
        assert opened(await shown.get(f"{shown.path}?w=16")).width == 16


async def test_a_variant_whose_bytes_were_lost_is_made_again(everywhere: Gallery) -> None:
    path = f"{everywhere.path}?w=64"
    first = await everywhere.get(path)
    (key,) = [key for key in await everywhere.stored() if key.startswith("variants/")]
    await everywhere.client.parts.objects.delete(key)
    again = await everywhere.get(path)
    assert (again.status_code, again.content) == (200, first.content)


async def test_beyond_what_can_be_made_at_once_the_answer_is_503_and_says_when_to_come_back(
    settings: Settings, database_url: str
) -> None:
    sizes = tuple(range(1, AT_ONCE + MOST_WAITING + 30))
    many = settings.model_copy(update={"cdn_sizes": sizes})
    async with gallery(many, database_url) as shown:
        large = await put_picture(shown.client, encoded(plain(3_000, 3_000)))
        path = f"/cdn/acme/website/img/{large.file_name}"
        answers = await asyncio.gather(*(shown.get(f"{path}?w={size}") for size in sizes))
        refused = [answer for answer in answers if answer.status_code != 200]
        assert refused
        for answer in refused:
            assert told(answer) == (503, "UNAVAILABLE")
            assert int(answer.headers["retry-after"]) > 0
        assert (await shown.get(f"{path}?w={sizes[-1]}")).status_code == 200


async def test_a_picture_that_cannot_be_decoded_is_refused_and_not_a_failure_of_ours(shown: Gallery) -> None:
    await shown.other_bytes(b"\x89PNG no picture at all")
    assert told(await shown.get(f"{shown.path}?w=64")) == (400, "VALIDATION_ERROR")


def test_parameters_that_ask_for_nothing_are_none() -> None:
    for parameters in ({}, {"fit": "cover"}, {"v": "x", "q": "9"}, {"w": "", "format": ""}):
        assert asked(parameters, SIZES) is None


@pytest.mark.parametrize(
    ("parameters", "size", "focus", "same"),
    [
        ({"w": "1024"}, (400, 200), None, {"w": "1024", "fit": "contain"}),
        ({"w": "100", "h": "100", "fit": "contain"}, (400, 200), None, {"w": "100"}),
        ({"w": "64", "h": "64"}, (400, 400), FocalPoint(0.1, 0.9), {"w": "64"}),
        ({"w": "64", "format": "png"}, (400, 200), None, {"w": "64"}),
    ],
)
def test_two_ways_to_ask_for_the_same_have_one_name(
    parameters: dict[str, str], size: tuple[int, int], focus: FocalPoint | None, same: dict[str, str]
) -> None:
    names: list[Any] = []
    for one in (parameters, same):
        as_asked = asked(one, SIZES)
        assert as_asked
        change = wanted(as_asked, size, "image/png", focus)
        names.append(change and change.name)
    assert names[0] == names[1]


def test_two_focal_points_that_cut_differently_have_two_names() -> None:
    as_asked = asked({"w": "100", "h": "16"}, SIZES)
    assert as_asked
    changes = [wanted(as_asked, (400, 400), "image/png", FocalPoint(0.5, y)) for y in (0.1, 0.5)]
    assert len({change.name for change in changes if change}) == 2
