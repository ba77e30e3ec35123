# ruff: noqa: RUF001 - Cyrillic words are meant to be Cyrillic
"""What the sketch understands of a prompt: a table of words for places, skies, things and hues."""

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice


class Place(StrEnum):
    HILLS = "hills"
    MOUNTAINS = "mountains"
    SEA = "sea"
    FOREST = "forest"
    CITY = "city"
    DESERT = "desert"
    STUDIO = "studio"
    WAVES = "waves"


class Sky(StrEnum):
    DAY = "day"
    DAWN = "dawn"
    SUNSET = "sunset"
    DUSK = "dusk"
    NIGHT = "night"
    STORM = "storm"
    MIST = "mist"
    WINTER = "winter"
    NEON = "neon"
    WARM = "warm"


class Thing(StrEnum):
    WATER = "water"
    STARS = "stars"
    MOON = "moon"
    PLANET = "planet"
    AURORA = "aurora"
    SNOW = "snow"
    RAIN = "rain"
    BIRDS = "birds"
    BALLOON = "balloon"
    BOAT = "boat"
    HOUSE = "house"
    LIGHTHOUSE = "lighthouse"
    TREE = "tree"
    FLOWERS = "flowers"
    CACTUS = "cactus"
    CAT = "cat"
    FOX = "fox"
    PERSON = "person"
    CUP = "cup"


Hue = int | None  # degrees in OKLCH; None is grey
Trait = Place | Sky | Thing


@dataclass(frozen=True, slots=True)
class Words:
    """A prompt as read: what was recognised, in the order of the prompt, and the words that were not."""

    places: tuple[Place, ...]
    skies: tuple[Sky, ...]
    things: frozenset[Thing]
    hues: tuple[Hue, ...]
    unknown: tuple[str, ...]


def read_words(prompt: str) -> Words:
    tokens = [_known(match[0]) for match in islice(_TOKEN.finditer(prompt.casefold()), _MAX_TOKENS)]
    traits = [trait for token in tokens for trait in _TRAITS.get(token, ())]
    return Words(
        places=tuple(trait for trait in traits if isinstance(trait, Place)),
        skies=tuple(trait for trait in traits if isinstance(trait, Sky)),
        things=frozenset(trait for trait in traits if isinstance(trait, Thing)),
        hues=tuple(_HUES[token] for token in tokens if token in _HUES),
        unknown=tuple(t for t in tokens if t not in _TRAITS and t not in _HUES and t not in _SMALL_WORDS),
    )


_MAX_TOKENS = 400
# One ideograph or kana, a run of letters and digits, or a symbol such as an emoji: scripts without spaces work too.
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_]+|[^\w\s.,;:!?'\"()\[\]{}\ufe0f\u200d-]")


def _known(token: str) -> str:
    """The token, or its singular or stem if only that is in the table."""
    plural = token.removesuffix("ies") + "y"
    stems = (
        token,
        plural,
        token.removesuffix("s"),
        token.removesuffix("es"),
        token.removesuffix("y"),
        token.removesuffix("ing"),
    )
    return next((stem for stem in stems if stem in _TRAITS or stem in _HUES), token)


_SMALL_WORDS = frozenset(
    {"a", "an", "the", "and", "or", "at", "by", "for", "from", "in", "of", "on", "over", "to", "under", "with"}
    | {"de", "der", "des", "die", "du", "el", "en", "et", "la", "le", "les", "un", "una", "une", "und", "y"}
)

_VOCABULARY: dict[Trait, str] = {
    Place.HILLS: "hill valley meadow field countryside landscape farm garden park tuscany village campo colline 🌄 "
    "🌾 丘",
    Place.MOUNTAINS: "mountain peak alp summit cliff canyon glacier himalaya volcano hike climb berg montagne "
    "montaña гора 山 ⛰ 🏔 🗻",
    Place.SEA: "sea ocean beach coast island harbour harbor surf bay lagoon sail ship boat whale dolphin fish coral "
    "mar mer meer море 海 🌊 🏖 🏝 ⛵ 🐋 🐬",
    Place.FOREST: "forest wood jungle pine grove redwood bear deer wolf elf fairy forêt wald bosque лес 森 林 🌲 🦌 "
    "🐻 🐺",
    Place.CITY: "city street skyline town downtown urban building tower skyscraper tokyo york london paris berlin "
    "shanghai metropolis cyberpunk car taxi traffic office rooftop robot ville stadt ciudad город 城 街 🏙 🌆 🌃 🚕 "
    "🤖",
    Place.DESERT: "desert dune sahara sand oasis camel cactus mars egypt pyramid arizona wüste désert desierto "
    "пустыня 砂 🏜 🌵 🐪",
    Place.STUDIO: "product bottle interior bedroom kitchen packaging perfume shoe sneaker chair lamp furniture "
    "wristwatch jar vase logo icon brand cosmetic coffee cup tea mug espresso food fruit cake bread studio podium "
    "object toy sculpture jewel ring headphone phone ☕ 🍵 🍎 👟 💍 🎧",
    Place.WAVES: "abstract pattern wave flow paper geometric background wallpaper texture music dream emotion idea "
    "poster gradient minimal 🎵 🎨 💭",
    Sky.DAY: "day noon sunny summer bright clear spring ☀ 🌞",
    Sky.DAWN: "dawn sunrise morning early pastel soft spring gentle 🌅",
    Sky.SUNSET: "sunset golden evening autumn fall orange tramonto 🌇 夕",
    Sky.DUSK: "dusk twilight romantic dream lavender mystic magic fantasy fairy",
    Sky.NIGHT: "night midnight dark star moon galaxy space cosmic nebula planet aurora astronaut universe northern "
    "borealis nuit nacht noche ночь 夜 🌙 🌌 🌃 ⭐ ✨ 🚀 🪐 🌠",
    Sky.STORM: "storm thunder rain rainy lightning tempest gloom dramatic gothic moody 雨 ⛈ 🌧",
    Sky.MIST: "mist misty fog foggy haze hazy cloud overcast calm silent quiet 🌫 ☁",
    Sky.WINTER: "winter snow snowy ice frost frozen arctic polar christmas neige schnee nieve снег 雪 ❄ ⛄ 🎄",
    Sky.NEON: "neon cyberpunk synthwave vaporwave retro futuristic laser disco club hologram",
    Sky.WARM: "coffee cafe cozy cosy warm vintage wood leather bread autumn tea espresso honey sepia nostalgic ☕",
    Thing.WATER: "lake river reflection pond water fjord canal harbour harbor waterfall flood lac see lago 湖 川",
    Thing.STARS: "star starry night galaxy space cosmic nebula universe constellation milky 星 夜 ⭐ ✨ 🌌 🌠 🚀",
    Thing.MOON: "moon moonlit lunar mond luna lune 月 🌙 🌕",
    Thing.PLANET: "planet saturn galaxy space alien cosmic sci astronaut universe 🪐 🚀",
    Thing.AURORA: "aurora northern borealis iceland",
    Thing.SNOW: "snow snowy winter blizzard snowfall snowflake christmas neige schnee nieve снег 雪 ❄ ⛄ 🎄",
    Thing.RAIN: "rain rainy storm monsoon umbrella drizzle pluie regen lluvia 雨 ⛈ 🌧",
    Thing.BIRDS: "bird seagull crow swallow flock eagle crane goose geese raven 鳥 🐦 🦅",
    Thing.BALLOON: "balloon airship travel adventure 🎈",
    Thing.BOAT: "boat ship sail sailboat yacht harbour harbor pirate vessel voyage fisherman ⛵ 🚢",
    Thing.HOUSE: "house cabin cottage home hut farm village barn chalet temple 家 🏠 🏡",
    Thing.LIGHTHOUSE: "lighthouse beacon",
    Thing.TREE: "tree oak willow baobab bonsai lonely lone 木 🌳",
    Thing.FLOWERS: "flower tulip rose poppy daisy blossom bloom lavender garden meadow spring sunflower orchid "
    "fleur blume flor 花 🌸 🌷 🌹 🌻 🌼 💐",
    Thing.CACTUS: "cactus cacti mexico arizona saguaro desert 🌵",
    Thing.CAT: "cat kitten katze gato chat кошка 猫 🐱 🐈 😺",
    Thing.FOX: "fox dog wolf puppy fuchs zorro renard лиса 狐 犬 🦊 🐶 🐕 🐺",
    Thing.PERSON: "person man woman girl boy portrait astronaut hero child traveler traveller wanderer hiker monk "
    "people samurai knight king queen figure character 人 🧍 👩 👨 🧑",
    Thing.CUP: "coffee cup tea mug espresso cappuccino latte cafe ☕ 🍵",
}

_HUES: dict[str, Hue] = {
    word: hue
    for hue, words in {
        None: "grey gray monochrome noir greyscale grayscale",
        10: "pink magenta rose fuchsia rosa",
        27: "red crimson scarlet ruby rouge rot rojo красный 赤 ❤ 🔴",
        55: "orange copper rust amber terracotta peach 🟠",
        90: "yellow gold golden lemon mustard jaune gelb amarillo 黄 🟡",
        140: "green emerald olive mint vert grün verde зелёный 緑 🟢",
        190: "teal turquoise cyan aqua",
        255: "blue navy azure cobalt indigo bleu blau azul синий 青 🔵 💙",
        305: "purple violet lilac lavender plum lila 紫 🟣 💜",
    }.items()
    for word in words.split()
}

_TRAITS: dict[str, tuple[Trait, ...]] = {}
for _trait, _words in _VOCABULARY.items():
    for _word in _words.split():
        _TRAITS[_word] = (*_TRAITS.get(_word, ()), _trait)
