import asyncio
import os
import subprocess
import sys
from decimal import Decimal
from hashlib import sha256
from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageStat

from domain.errors import ErrorCode, InvalidInput
from domain.pictures import ASPECT_RATIOS, DigitalSource
from domain.providers import (
    GeneratedPicture,
    ImageProvider,
    ImageRequest,
    ProviderError,
    Recovery,
    Terms,
    TextProvider,
    TextRequest,
)
from providers.pictures import fit_aspect_ratio, read_picture
from providers.sketch import Sketch

SEVEN_WORLDS = ("ocean at sunset", "misty forest", "neon city", "snowy mountain", "desert", "coffee", "abstract jazz")


async def draw(prompt: str, **request: object) -> GeneratedPicture:
    answer = await Sketch().make_images(ImageRequest(prompt, **request))  # type: ignore[arg-type]
    return answer.pictures[0]


def opened(picture: GeneratedPicture) -> Image.Image:
    return Image.open(BytesIO(picture.data))


def difference(one: GeneratedPicture, other: GeneratedPicture) -> float:
    """Mean difference of two pictures of one size, in grey levels."""
    between = ImageChops.difference(opened(one).convert("L"), opened(other).convert("L"))
    return ImageStat.Stat(between).mean[0]


def mean_colour(picture: GeneratedPicture) -> tuple[float, ...]:
    return tuple(ImageStat.Stat(opened(picture).convert("RGB")).mean)


async def test_it_is_a_provider_of_pictures_and_text_that_costs_nothing() -> None:
    sketch = Sketch()
    of_pictures: ImageProvider = sketch
    of_text: TextProvider = sketch
    terms = {"provider": "sketch", "model": "sketch-1", "price": Decimal(0), "recovery": Recovery.REPEATABLE}
    free = Terms(**terms, digital_source=DigitalSource.ALGORITHM)  # type: ignore[arg-type]
    assert of_pictures.image_terms == of_text.text_terms == free
    answer = await sketch.make_images(ImageRequest("a hill"))
    assert (answer.model, answer.cost) == ("sketch-1", Decimal(0))


@pytest.mark.parametrize("aspect_ratio", ASPECT_RATIOS)
async def test_a_picture_has_the_ratio_asked_and_1024_pixels_on_its_long_side(aspect_ratio: str) -> None:
    drawn = await draw("mountain lake", aspect_ratio=aspect_ratio)
    picture = await read_picture(drawn.data)
    assert picture.mime_type == "image/png"
    assert max(picture.width, picture.height) == 1024
    assert await fit_aspect_ratio(drawn.data, aspect_ratio) is drawn.data
    assert (drawn.meta["width"], drawn.meta["height"]) == (picture.width, picture.height)


@pytest.mark.parametrize("prompt", SEVEN_WORLDS[:3])
async def test_the_same_scene_is_drawn_as_large_as_is_set(prompt: str) -> None:
    usual = await draw(prompt, seed=1, aspect_ratio="16:9")
    small = (await Sketch(256).make_images(ImageRequest(prompt, seed=1, aspect_ratio="16:9"))).pictures[0]
    assert opened(small).size == (small.meta["width"], small.meta["height"]) == (256, 144)
    greys = [opened(picture).convert("L").resize((64, 36)) for picture in (usual, small)]
    assert ImageStat.Stat(ImageChops.difference(*greys)).mean[0] < 8


async def test_an_unknown_ratio_is_refused() -> None:
    with pytest.raises(InvalidInput, match="aspect ratio"):
        await draw("a hill", aspect_ratio="7:3")


async def test_the_same_request_gives_the_same_bytes() -> None:
    assert await draw("a fox in snow") == await draw("a fox in snow")


def test_another_process_with_other_hashes_draws_the_same_bytes() -> None:
    program = (
        "import asyncio, hashlib\n"
        "from domain.providers import ImageRequest\n"
        "from providers.sketch import Sketch\n"
        "request = ImageRequest('a red cabin by the sea, stars 🌙', seed=3, aspect_ratio='21:9', count=2)\n"
        "answer = asyncio.run(Sketch().make_images(request))\n"
        "print([hashlib.sha256(picture.data).hexdigest() for picture in answer.pictures])\n"
    )
    environments = [os.environ | {"PYTHONHASHSEED": seed} for seed in ("1", "2")]
    first, second = (
        subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, check=True, timeout=60).stdout
        for env in environments
    )
    assert first == second
    assert len(first) > 2 * len(sha256().hexdigest())


async def test_candidates_differ_and_each_can_be_asked_for_by_its_own_seed() -> None:
    answer = await Sketch().make_images(ImageRequest("mountain at dawn", seed=7, count=3))
    assert [picture.seed for picture in answer.pictures] == ["7", "8", "9"]
    first, second, third = answer.pictures
    assert min(difference(first, second), difference(second, third), difference(first, third)) > 4
    assert await draw("mountain at dawn", seed=8) == second


async def test_without_a_seed_one_is_taken_from_the_prompt() -> None:
    drawn = await draw("a quiet harbour")
    assert drawn.seed is not None
    assert await draw("a quiet harbour", seed=int(drawn.seed)) == drawn


async def test_different_words_give_visibly_different_pictures() -> None:
    drawn = [await draw(prompt, seed=1) for prompt in SEVEN_WORLDS]
    pairs = [difference(one, other) for n, one in enumerate(drawn) for other in drawn[n + 1 :]]
    assert min(pairs) > 10


@pytest.mark.parametrize("word", ["moon", "birds", "house", "flowers", "cat", "rain"])
async def test_one_more_word_changes_what_is_seen(word: str) -> None:
    plain, more = await draw("hill at night", seed=5), await draw(f"hill at night, {word}", seed=5)
    assert difference(plain, more) > 1


async def test_a_night_is_darker_than_a_day() -> None:
    night, day = await draw("sea at night"), await draw("sea on a sunny day")
    assert sum(mean_colour(night)) < 0.6 * sum(mean_colour(day))


async def test_a_word_for_a_hue_tints_the_picture() -> None:
    red, _, blue = mean_colour(await draw("red abstract poster"))
    assert red > 1.15 * blue
    red, _, blue = mean_colour(await draw("blue abstract poster"))
    assert blue > 1.15 * red


@pytest.mark.parametrize("colour", [(200, 40, 40), (30, 160, 60), (40, 60, 200)])
async def test_a_reference_lends_its_palette(colour: tuple[int, int, int]) -> None:
    reference = BytesIO()
    Image.new("RGB", (300, 200), colour).save(reference, "JPEG")
    shades = mean_colour(await draw("hills", references=(reference.getvalue(),)))
    assert shades.index(max(shades)) == colour.index(max(colour))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
async def test_a_reference_may_have_any_kind_of_pixels(mode: str) -> None:
    reference = BytesIO()
    Image.new(mode, (30, 20)).save(reference, "PNG")
    assert (await draw("hills", references=(reference.getvalue(),) * 3)).data


async def test_a_reference_that_is_no_picture_is_refused_for_good() -> None:
    whole = (await draw("hills")).data
    for reference in (b"nonsense", whole[: len(whole) // 2]):
        with pytest.raises(ProviderError) as refusal:
            await draw("hills", references=(reference,))
        assert (refusal.value.code, refusal.value.retryable) == (ErrorCode.PROVIDER_REFUSED, False)


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        " \n\t ",
        "🦊❄️✨",
        "夜の海と猫",
        "лиса в снегу",
        "قطة على التل",
        "\0\x07",
        "\ud800",
        "a" * 50_000,
        "moon " * 50_000,
    ],
    ids=[
        "empty",
        "blank",
        "emoji",
        "japanese",
        "russian",
        "arabic",
        "control",
        "surrogate",
        "one long word",
        "many words",
    ],
)
async def test_any_prompt_is_drawn(prompt: str) -> None:
    await read_picture((await draw(prompt)).data)


async def test_the_file_says_what_it_is() -> None:
    drawn = await draw("  a fox, 狐, in the snow  ")
    text = opened(drawn).info
    assert text["Software"] == "Easel sketch"
    assert "Description" not in text
    assert text["Comment"] == "Drawn by Easel's built-in sketch provider; not an AI model"
    assert drawn.meta["provider"] == "sketch"
    assert "not generated by a model" in drawn.meta["note"]
    assert all(len(colour) == 7 and int(colour[1:], 16) >= 0 for colour in drawn.meta["palette"])


async def test_the_event_loop_keeps_beating_while_it_draws() -> None:
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.005)  # the beat
            beats += 1

    heart = asyncio.create_task(beat())
    await Sketch().make_images(ImageRequest("city at night", count=2))
    heart.cancel()
    assert beats > 3


async def test_a_prompt_is_enhanced_after_the_words_of_its_author() -> None:
    answer = await Sketch().write_text(TextRequest("Make it cinematic.", " a fox in snow. "))
    assert answer.text.startswith("a fox in snow, cinematic mood, ")
    assert (answer.model, answer.cost) == ("sketch-1", Decimal(0))
    assert answer == await Sketch().write_text(TextRequest("Make it cinematic.", " a fox in snow. "))


async def test_what_a_text_already_says_is_not_said_again() -> None:
    text = "a fox, neon light, low angle, pastel palette"
    added = (await Sketch().write_text(TextRequest("", text))).text.removeprefix(text)
    assert added.count(",") == 1


@pytest.mark.parametrize("text", ["", "  ", "🦊", "лиса", "word " * 20_000])
async def test_any_text_is_enhanced(text: str) -> None:
    enhanced = (await Sketch().write_text(TextRequest("", text))).text
    assert enhanced.startswith(text.strip())
    assert len(enhanced) > len(text.strip())
    assert not enhanced.startswith(",")
