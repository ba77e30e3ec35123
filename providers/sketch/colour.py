"""Colours as people see them: mixed in OKLab and made in OKLCH, so that gradients stay clean and hues stay even."""

from math import atan2, cos, degrees, hypot, radians, sin

from PIL import ImageColor

Colour = tuple[int, int, int]
Lab = tuple[float, float, float]


def from_hex(text: str) -> Colour:
    red, green, blue, *_ = ImageColor.getrgb(f"#{text}")
    return red, green, blue


def to_hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def mix(first: Colour, second: Colour, amount: float) -> Colour:
    """`first` at 0, `second` at 1."""
    start, end = to_oklab(first), to_oklab(second)
    lightness, a, b = (one + (other - one) * amount for one, other in zip(start, end, strict=True))
    return from_oklab((lightness, a, b))


def oklch(lightness: float, chroma: float, hue_degrees: float) -> Colour:
    """The colour at this lightness (0 to 1) and hue, with as much of the chroma as a screen can show."""
    a, b = cos(radians(hue_degrees)), sin(radians(hue_degrees))
    while chroma > 0.005 and not _shown((lightness, a * chroma, b * chroma)):
        chroma *= 0.93
    return from_oklab((lightness, a * chroma, b * chroma))


def turned(colour: Colour, turn_degrees: float) -> Colour:
    """The same colour further round the circle of hues."""
    lightness, a, b = to_oklab(colour)
    return oklch(lightness, hypot(a, b), degrees(atan2(b, a)) + turn_degrees)


def lightness_of(colour: Colour) -> float:
    return to_oklab(colour)[0]


def chroma_of(colour: Colour) -> float:
    _, a, b = to_oklab(colour)
    return hypot(a, b)


def to_oklab(colour: Colour) -> Lab:
    red, green, blue = (_to_linear(channel / 255) for channel in colour)
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    middle = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def from_oklab(lab: Lab) -> Colour:
    red, green, blue = (round(255 * _to_gamma(min(1.0, max(0.0, channel)))) for channel in _linear(lab))
    return red, green, blue


def _linear(lab: Lab) -> tuple[float, float, float]:
    lightness, a, b = lab
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )


def _shown(lab: Lab) -> bool:
    return all(-0.001 <= channel <= 1.001 for channel in _linear(lab))


def _to_linear(channel: float) -> float:
    return float(channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4)


def _to_gamma(channel: float) -> float:
    return float(12.92 * channel if channel <= 0.0031308 else 1.055 * channel ** (1 / 2.4) - 0.055)
