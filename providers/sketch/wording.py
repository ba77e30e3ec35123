"""Prompts made fuller without a model: the user's words first, then phrases chosen by their hash."""

from providers.sketch.scene import seeded

# Each group adds one phrase, unless the text already speaks of the matter.
_GROUPS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (
        ("light", "lit", "sun", "night", "dawn", "dusk", "neon", "glow"),
        ("soft morning light", "warm evening light", "gentle side light", "diffuse window light", "golden backlight"),
    ),
    (
        ("composition", "framing", "angle", "close-up", "closeup", "view", "shot"),
        ("balanced composition", "wide framing with room to breathe", "low angle", "centred framing", "layered depth"),
    ),
    (
        ("colour", "color", "palette", "monochrome", "black and white", "pastel"),
        ("harmonious colours", "a restrained palette", "muted tones with one bright accent", "rich natural colours"),
    ),
    (
        ("detail", "texture", "sharp", "style", "painting", "photo"),
        ("fine detail", "tactile textures", "crisp edges and soft background", "subtle film grain"),
    ),
)

# A word in the instructions that asks for a manner of its own.
_MANNERS: dict[str, str] = {
    "cinematic": "cinematic mood",
    "product": "clean studio backdrop",
    "portrait": "shallow depth of field",
    "watercolor": "loose watercolour washes",
    "watercolour": "loose watercolour washes",
    "illustration": "hand-drawn illustration",
    "concept": "concept art",
    "photo": "natural photographic look",
    "minimal": "plenty of empty space",
    "fantasy": "a touch of wonder",
}


def enhance(instructions: str, text: str) -> str:
    """The text, then a few phrases on what it leaves open; the same for the same words every time."""
    said, asked = text.casefold(), instructions.casefold()
    chance = seeded(asked, said, "wording")
    manners = [phrase for word, phrase in _MANNERS.items() if word in asked and phrase not in said]
    open_groups = [phrases for words, phrases in _GROUPS if not any(word in said for word in words)]
    phrases = [*dict.fromkeys(manners[:2]), *(chance.choice(phrases) for phrases in open_groups)]
    return ", ".join([start for start in [text.strip().rstrip(".,;")] if start] + phrases)
