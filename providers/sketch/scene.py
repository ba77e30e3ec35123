"""From a prompt and a seed to what will be drawn: decided here once, by pure functions, before any paint is mixed."""

from dataclasses import dataclass
from hashlib import sha256
from random import Random

from domain.pictures import ASPECT_RATIOS
from providers.sketch.colour import Colour
from providers.sketch.palette import Palette, choose_palette
from providers.sketch.words import Place, Sky, Thing, read_words

LONG_SIDE = 1024


@dataclass(frozen=True, slots=True)
class Scene:
    """`horizon` and `light` are fractions of height and of width and height; `digest` stands for prompt and seed."""

    width: int
    height: int
    place: Place
    sky: Sky
    things: frozenset[Thing]
    palette: Palette
    horizon: float
    light: tuple[float, float]
    digest: str

    @property
    def unit(self) -> float:
        """One hundredth of the shorter side, in pixels."""
        return min(self.width, self.height) / 100

    @property
    def dark(self) -> bool:
        return self.sky in {Sky.NIGHT, Sky.NEON, Sky.DUSK}

    def chance(self, purpose: str) -> Random:
        """A source of chance of its own for each part, so that one part more leaves the others as they were."""
        return seeded(self.digest, purpose)


def plan_scene(
    prompt: str,
    seed: int,
    aspect_ratio: str,
    reference_colours: tuple[Colour, ...] = (),
    long_side: int = LONG_SIDE,
) -> Scene:
    """The same scene whatever its size; `long_side` is in pixels."""
    words = read_words(prompt)
    text = " ".join(prompt.casefold().split())
    by_prompt, by_seed = seeded(text, "scene"), seeded(text, str(seed))
    place = words.places[0] if words.places else _free_place(words.things, by_prompt)
    sky = min(words.skies, key=_SKY_RANK.index) if words.skies else by_prompt.choice(_USUAL_SKIES[place])
    width, height = size_of(aspect_ratio, long_side)
    return Scene(
        width=width,
        height=height,
        place=place,
        sky=sky,
        things=words.things | _usual_things(place, sky, by_seed),
        palette=choose_palette(place, sky, words, by_prompt, reference_colours),
        horizon=_HORIZONS[place] + by_seed.uniform(-0.04, 0.04),
        light=(by_seed.choice((-1, 1)) * by_seed.uniform(0.08, 0.27) + 0.5, _light_height(sky, by_seed)),
        digest=sha256(f"{text}\0{seed}".encode("utf-8", "replace")).hexdigest(),
    )


def size_of(aspect_ratio: str, long_side: int) -> tuple[int, int]:
    across, down = ASPECT_RATIOS[aspect_ratio]
    scale = long_side / max(across, down)
    return round(across * scale), round(down * scale)


def seeded(*parts: str) -> Random:
    digest = sha256("\0".join(parts).encode("utf-8", "replace")).digest()
    return Random(int.from_bytes(digest))  # noqa: S311 - pictures, not secrets


_FREE_PLACES = (Place.HILLS, Place.MOUNTAINS, Place.SEA, Place.WAVES, Place.WAVES, Place.DESERT)

# The sky that says most wins: rain in neon is neon, a morning in winter is a morning.
_SKY_RANK = (Sky.NEON, Sky.NIGHT, Sky.SUNSET, Sky.DUSK, Sky.WARM, Sky.STORM, Sky.DAWN, Sky.WINTER, Sky.MIST, Sky.DAY)

_HORIZONS = {
    Place.HILLS: 0.52,
    Place.MOUNTAINS: 0.62,
    Place.SEA: 0.56,
    Place.FOREST: 0.5,
    Place.CITY: 0.72,
    Place.DESERT: 0.55,
    Place.STUDIO: 0.68,
    Place.WAVES: 0.4,
}

_USUAL_SKIES = {
    Place.HILLS: (Sky.DAWN, Sky.DAY, Sky.SUNSET, Sky.DUSK),
    Place.MOUNTAINS: (Sky.DAWN, Sky.DUSK, Sky.SUNSET, Sky.DAY),
    Place.SEA: (Sky.DAY, Sky.SUNSET, Sky.DAWN, Sky.DUSK),
    Place.FOREST: (Sky.MIST, Sky.DAWN, Sky.DUSK),
    Place.CITY: (Sky.DUSK, Sky.SUNSET, Sky.DAWN),
    Place.DESERT: (Sky.SUNSET, Sky.DAWN, Sky.WARM),
    Place.STUDIO: (Sky.WARM, Sky.DAWN, Sky.DAY),
    Place.WAVES: (Sky.DUSK, Sky.SUNSET, Sky.DAWN, Sky.DAY),
}

_SUBJECTS = frozenset(Thing) - {Thing.WATER, Thing.CUP, Thing.MOON, Thing.PLANET, Thing.STARS}


def _free_place(things: frozenset[Thing], chance: Random) -> Place:
    """Where a prompt that names no place plays: subjects are never left hanging in an abstract one."""
    if things & {Thing.BOAT, Thing.LIGHTHOUSE}:
        return Place.SEA
    if things & _SUBJECTS:
        return chance.choice((Place.HILLS, Place.HILLS, Place.FOREST, Place.MOUNTAINS))
    return chance.choice(_FREE_PLACES)


def _usual_things(place: Place, sky: Sky, chance: Random) -> frozenset[Thing]:
    things = set()
    if sky is Sky.NIGHT:
        things |= {Thing.STARS}
    if sky is Sky.NIGHT and chance.random() < 0.6:
        things |= {Thing.MOON}
    if place is Place.MOUNTAINS and chance.random() < 0.6:
        things |= {Thing.WATER}
    if sky in {Sky.DAY, Sky.DAWN, Sky.SUNSET} and place is not Place.STUDIO and chance.random() < 0.45:
        things |= {Thing.BIRDS}
    return frozenset(things)


def _light_height(sky: Sky, chance: Random) -> float:
    low = sky in {Sky.SUNSET, Sky.DAWN, Sky.NEON, Sky.DUSK}
    return chance.uniform(0.32, 0.42) if low else chance.uniform(0.16, 0.28)
