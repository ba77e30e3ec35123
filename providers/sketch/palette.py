"""The colours of a scene: curated for known skies and grounds, made in OKLCH for other words, or lent by references."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from PIL import Image

from domain.errors import InvalidInput
from providers.pictures import open_picture
from providers.sketch.colour import Colour, chroma_of, from_hex, lightness_of, mix, oklch, turned
from providers.sketch.words import Hue, Place, Sky, Thing, Words


@dataclass(frozen=True, slots=True)
class Palette:
    """The sky from its top down, its light, the ground from far to near, and one colour that stands out."""

    sky: tuple[Colour, Colour, Colour]
    light: Colour
    far: Colour
    near: Colour
    accent: Colour
    floor: Colour  # what is stood upon: the near ground, or the snow on it

    @property
    def low(self) -> Colour:
        """The sky at the horizon: what distance fades to."""
        return self.sky[-1]

    @property
    def dark(self) -> Colour:
        """What silhouettes are made of, on snow as well."""
        return self.near if lightness_of(self.near) < 0.6 else mix(self.sky[0], (10, 14, 34), 0.5)

    def depth(self, nearness: float) -> Colour:
        """The ground at 0 (far, hazy) to 1 (near)."""
        return mix(mix(self.low, self.far, 0.62), self.near, nearness)

    @property
    def colours(self) -> tuple[Colour, ...]:
        return (*self.sky, self.light, self.far, self.near, self.accent, self.floor)


def choose_palette(place: Place, sky: Sky, words: Words, chance: Random, lent: tuple[Colour, ...]) -> Palette:
    """Words for skies and grounds have their own colours; words for hues and unknown ones tint them."""
    if lent:
        return _from_lent(lent)
    curated = _curated(place, sky, frozen=Thing.SNOW in words.things)
    if words.hues:
        return _blend(curated, _invented(words.hues, chance, dark=sky in _DIM), 0.75 if not words.skies else 0.5)
    if words.skies or not words.unknown:
        return curated
    turn = chance.uniform(-20, 20)
    if words.places or words.things:
        return _each(curated, lambda colour: turned(colour, turn))
    return _invented((chance.choice(_PLEASANT_HUES),), chance, dark=sky in _DIM)


def dominant_colours(references: tuple[bytes, ...]) -> tuple[Colour, ...]:
    """Up to eight colours that make up most of these pictures. Raises InvalidInput for bytes that are no picture."""
    if not references:
        return ()
    strip = Image.new("RGB", (_SAMPLE * len(references), _SAMPLE))
    for position, data in enumerate(references):
        strip.paste(_sample(data), (_SAMPLE * position, 0))
    few = strip.quantize(8, Image.Quantize.MEDIANCUT)
    channels = few.getpalette() or []
    colours = zip(channels[::3], channels[1::3], channels[2::3], strict=True)
    counted = sorted(zip(few.histogram(), colours, strict=False), reverse=True)
    return tuple(colour for count, colour in counted if count)


def _sample(data: bytes) -> Image.Image:
    image = open_picture(data)
    image.draft("RGB", (_SAMPLE, _SAMPLE))  # a JPEG is then decoded no larger than needed
    try:
        return image.convert("RGBA").convert("RGB").resize((_SAMPLE, _SAMPLE), Image.Resampling.BOX)
    except Exception as error:  # a hostile file can make a decoder raise anything
        raise InvalidInput("The picture is damaged: send the whole file again.", field="file") from error


_SAMPLE = 64  # pixels either way, from each reference

_PLEASANT_HUES = (12, 35, 180, 205, 230, 250, 270, 290, 320, 345)  # a whole sky in olive is not
_DIM = frozenset({Sky.NIGHT, Sky.NEON, Sky.STORM})

_SKIES = {  # top, middle, low, light; how much of the sky's top lies on the ground
    Sky.DAY: ("3b82c4 8cc1e3 f2ecd8 fff3cf", 0.0),
    Sky.DAWN: ("6d86c4 e2a9b5 ffe0b8 fff1d2", 0.12),
    Sky.SUNSET: ("34305f c4526c ffb669 ffe6ad", 0.3),
    Sky.DUSK: ("27255a 7a5a9e f2a9a0 ffe3c4", 0.35),
    Sky.NIGHT: ("0b1230 1d3163 53709c f6f0d8", 0.62),
    Sky.STORM: ("2c3540 5d6a74 b4b8b2 e6e4d4", 0.4),
    Sky.MIST: ("94aab4 c3cecd efeade fffaf0", 0.1),
    Sky.WINTER: ("7f9fc4 bfd0e4 faeee6 fff6ea", 0.1),
    Sky.NEON: ("120a30 4c1a70 ff5a9d 6df3ff", 0.66),
    Sky.WARM: ("b98560 dfb78d f6e3c6 fff0d4", 0.1),
}

_GROUNDS = {  # far, near, accent
    Place.HILLS: "8fb07a 24503c f0c75e",
    Place.MOUNTAINS: "8793b4 232c4a f2c6a0",
    Place.SEA: "5fb0bf 0f3f5c ff8a5c",
    Place.FOREST: "7fa394 10302b f4b65f",
    Place.CITY: "7a7fa6 15172e ffcf6b",
    Place.DESERT: "e0a873 7d3b2c 3f7f78",
    Place.STUDIO: "d9a679 6b4231 e0663f",
    Place.WAVES: "e58f7b 2b2b5c ffd37a",
}
_FROZEN_GROUNDS = {
    Place.HILLS: "7f9abb cddaea e8794a",
    Place.MOUNTAINS: "93a6c4 31435f e8794a",
    Place.FOREST: "a3b6c9 2c4659 e8794a",
}
_SNOW = "e6edf5"


def _curated(place: Place, sky: Sky, *, frozen: bool) -> Palette:
    colours, shade = _SKIES[sky]
    top, middle, low, light = (from_hex(colour) for colour in colours.split())
    ground = _FROZEN_GROUNDS.get(place, _GROUNDS[place]) if frozen else _GROUNDS[place]
    far, near, accent = (from_hex(colour) for colour in ground.split())
    near = mix(near, top, shade * 0.75)
    floor = mix(from_hex(_SNOW), top, shade * 0.6) if frozen else near
    return Palette((top, middle, low), light, mix(far, middle, shade * 0.8), near, accent, floor)


def _invented(hues: tuple[Hue, ...], chance: Random, *, dark: bool) -> Palette:
    """Neighbouring hues for the sky, their opposite for what stands out; a second hue named takes the ground."""
    base, vivid = (hues[0], 1.0) if hues[0] is not None else (250, 0.08)
    turn = chance.choice((-1, 1)) * chance.uniform(22, 58)
    ground = hues[1] if len(hues) > 1 and hues[1] is not None else base - turn
    drop = 0.22 if dark else 0.0
    sky = (
        oklch(0.46 - drop, 0.11 * vivid, base),
        oklch(0.70 - drop, 0.125 * vivid, base + turn * 0.5),
        oklch(0.90 - drop, 0.075 * vivid, base + turn),
    )
    near = oklch(0.28 - drop / 3, 0.07 * vivid, ground - turn * 0.4)
    return Palette(
        sky=sky,
        light=oklch(0.96, 0.05 * vivid, base + turn),
        far=oklch(0.64 - drop, 0.10 * vivid, ground),
        near=near,
        accent=oklch(0.74, 0.15 * max(vivid, 0.3), base + 180),
        floor=near,
    )


def _from_lent(lent: tuple[Colour, ...]) -> Palette:
    """Light colours to the sky, dark ones to the ground, the most vivid one to what stands out."""
    # A reference of one tone still needs something lighter and something darker.
    by_light = sorted((*lent, mix(lent[0], (255, 255, 255), 0.6), mix(lent[0], (8, 8, 20), 0.65)), key=lightness_of)
    at = [by_light[round(share * (len(by_light) - 1))] for share in (0.0, 0.3, 0.5, 0.7, 1.0)]
    sky = (at[2], at[3], at[4])
    return Palette(
        sky, mix(at[4], (255, 255, 255), 0.5), mix(at[1], at[2], 0.4), at[0], max(lent, key=chroma_of), at[0]
    )


def _blend(one: Palette, other: Palette, amount: float) -> Palette:
    theirs = iter(other.colours)
    return _each(one, lambda colour: mix(colour, next(theirs), amount))


def _each(palette: Palette, change: Callable[[Colour], Colour]) -> Palette:
    top, middle, low, *others = map(change, palette.colours)
    return Palette((top, middle, low), *others)
