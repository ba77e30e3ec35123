"""What every part of a sketch paints with: a canvas, stencils with smooth edges, gradients, noise and light."""

from collections.abc import Iterable, Sequence
from math import cos, pi, sin
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from providers.sketch.colour import Colour, mix
from providers.sketch.scene import Scene

Point = tuple[float, float]

_STEPS = 48  # colours computed per gradient; the rest is interpolated


class Stencil:
    """A mask drawn at twice its size, so that its edges come out smooth. It covers the rows from `top` to `bottom`."""

    def __init__(self, width: int, top: int, bottom: int) -> None:
        self.top = top
        self._image = Image.new("L", (width * 2, (bottom - top) * 2))
        self._draw = ImageDraw.Draw(self._image)

    def polygon(self, points: Iterable[Point], value: int = 255) -> None:
        self._draw.polygon([self._at(point) for point in points], fill=value)

    def ellipse(self, x: float, y: float, across: float, down: float, value: int = 255) -> None:
        """An ellipse around (x, y), `across` and `down` being its radii."""
        self._draw.ellipse([self._at((x - across, y - down)), self._at((x + across, y + down))], fill=value)

    def line(self, points: Iterable[Point], width: float, value: int = 255) -> None:
        self._draw.line(
            [self._at(point) for point in points], fill=value, width=max(1, round(width * 2)), joint="curve"
        )

    def rectangle(self, left: float, upper: float, right: float, lower: float, value: int = 255) -> None:
        if right > left and lower > upper:
            self._draw.rectangle([self._at((left, upper)), self._at((right, lower))], fill=value)

    def mask(self) -> Image.Image:
        return self._image.reduce(2)

    def _at(self, point: Point) -> Point:
        return point[0] * 2, (point[1] - self.top) * 2


class Canvas:
    """A scene being painted."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.width, self.height = self.size = (scene.width, scene.height)
        self.image = gradient(self.size, scene.palette.sky)
        noise = scene.chance("speckle").randbytes(self.width * self.height)
        self.speckle = Image.frombytes("L", self.size, noise)

    def stencil(self, top: float = 0, bottom: float | None = None) -> Stencil:
        first = max(0, min(int(top), self.height - 1))
        last = self.height if bottom is None else max(first + 1, min(int(bottom), self.height))
        return Stencil(self.width, first, last)

    def paint(self, stencil: Stencil, colour: Colour, strength: float = 1.0, inside: Stencil | None = None) -> None:
        """One flat colour; `inside` is a second stencil, of the same top, that must let it through too."""
        mask = ImageChops.multiply(stencil.mask(), inside.mask()) if inside else stencil.mask()
        if box := mask.getbbox():
            self.image.paste(colour, (box[0], stencil.top + box[1]), faded(mask.crop(box), strength))

    def fill(self, stencil: Stencil, upper: Colour, lower: Colour, shade: float = 0.16) -> None:
        """A gradient down the stencil, with a grainy shadow gathering towards its foot."""
        whole = stencil.mask()
        if not (box := whole.getbbox()):
            return
        mask, rows = whole.crop(box), (0, box[1], box[2] - box[0], box[3])
        tall, corner = (mask.width, whole.height), (box[0], stencil.top + box[1])
        self.image.paste(gradient(tall, (upper, lower)).crop(rows), corner, mask)
        if shade:
            speckle = self.speckle.crop((*corner, corner[0] + mask.width, corner[1] + mask.height))
            grainy = ImageChops.add(ramp(tall, 20, 215).crop(rows), speckle, 1, -150)
            shadow = faded(ImageChops.multiply(grainy, mask), shade)
            self.image.paste(mix(lower, (8, 6, 24), 0.5), corner, shadow)

    def glow(self, centre: Point, radius: float, colour: Colour, strength: float) -> None:
        """Light around a point, added to what is there."""
        spread = round(radius)
        halo = faded(_HALO.resize((spread * 2, spread * 2), Image.Resampling.BICUBIC), strength)
        self._add(halo, (round(centre[0]) - spread, round(centre[1]) - spread), colour)

    def shine(self, mask: Image.Image, colour: Colour) -> None:
        """Coloured light in the shape of a mask, added to what is there."""
        if box := mask.getbbox():
            self._add(mask.crop(box), box[:2], colour)

    def _add(self, mask: Image.Image, corner: tuple[int, int], colour: Colour) -> None:
        """Only where there is light, as far as it falls on the canvas: the rest would stay as it is."""
        left, top = max(0, corner[0]), max(0, corner[1])
        right, lower = min(self.width, corner[0] + mask.width), min(self.height, corner[1] + mask.height)
        if left >= right or top >= lower:
            return
        seen = mask.crop((left - corner[0], top - corner[1], right - corner[0], lower - corner[1]))
        light = Image.new("RGB", seen.size)
        light.paste(colour, (0, 0), seen)
        self.image.paste(ImageChops.screen(self.image.crop((left, top, right, lower)), light), (left, top))


def gradient(size: tuple[int, int], colours: Sequence[Colour]) -> Image.Image:
    """Colours from top to bottom, evenly spaced."""
    strip = Image.new("RGB", (1, _STEPS))
    for row in range(_STEPS):
        place = row / (_STEPS - 1) * (len(colours) - 1)
        first = min(int(place), len(colours) - 2)
        strip.putpixel((0, row), mix(colours[first], colours[first + 1], _eased(place - first)))
    tall = strip.resize((1, size[1]), Image.Resampling.BICUBIC)
    return tall.resize(size, Image.Resampling.NEAREST)


def ramp(size: tuple[int, int], start: int, end: int) -> Image.Image:
    """Grey from top to bottom."""
    strip = Image.new("L", (1, 256))
    strip.putdata([round(start + (end - start) * row / 255) for row in range(256)])
    return strip.resize((1, size[1]), Image.Resampling.BILINEAR).resize(size, Image.Resampling.NEAREST)


def faded(mask: Image.Image, strength: float) -> Image.Image:
    return mask if strength >= 1 else mask.point([round(value * max(0.0, strength)) for value in range(256)])


def blurred(image: Image.Image, radius: float) -> Image.Image:
    """A wide blur made at a quarter of the size, where it costs a sixteenth."""
    small = image.resize((max(1, image.width // 4), max(1, image.height // 4)), Image.Resampling.BOX)
    return small.filter(ImageFilter.GaussianBlur(radius / 4)).resize(image.size, Image.Resampling.BICUBIC)


def clouded(size: tuple[int, int], chance: Random, across: int, down: int, octaves: int = 4) -> Image.Image:
    """Noise in the shape of clouds: octaves of random greys, each twice as fine and half as strong as the last."""
    small = (max(1, size[0] // 2), max(1, size[1] // 2))
    total = Image.new("L", small, 128)
    for octave in range(octaves):
        cells = (across * 2**octave + 1, down * 2**octave + 1)
        layer = Image.frombytes("L", cells, chance.randbytes(cells[0] * cells[1]))
        weaker = layer.resize(small, Image.Resampling.BICUBIC).point(_WEAKER[octave])
        total = ImageChops.add(total, weaker, 1, -128)
    return total.resize(size, Image.Resampling.BICUBIC)


def rolling(width: int, chance: Random, waves: float, detail: int = 4, step: int = 4) -> list[Point]:
    """A smooth line from left to right: x in pixels, y from about -1 to 1; `waves` says how often it swings."""
    parts = [(waves * 1.9**n * chance.uniform(0.8, 1.2), chance.uniform(0, 2 * pi), 0.48**n) for n in range(detail)]
    total = sum(weight for *_, weight in parts)
    return [
        (x, sum(weight * sin(2 * pi * often * x / width + phase) for often, phase, weight in parts) / total)
        for x in range(-step, width + 2 * step, step)
    ]


def jagged(start: Point, end: Point, chance: Random, roughness: float, halvings: int = 5) -> list[Point]:
    """A broken line between two points, each half displaced by up to `roughness` times its length."""
    if not halvings:
        return [start]
    length = abs(end[0] - start[0]) + abs(end[1] - start[1])
    middle = (
        (start[0] + end[0]) / 2 + chance.uniform(-0.3, 0.3) * roughness * length,
        (start[1] + end[1]) / 2 + chance.uniform(-1, 1) * roughness * length,
    )
    left = jagged(start, middle, chance, roughness, halvings - 1)
    return left + jagged(middle, end, chance, roughness, halvings - 1)


def on_circle(centre: Point, radius: float, turn: float) -> Point:
    """The point after this many turns, clockwise from the right."""
    return centre[0] + radius * cos(2 * pi * turn), centre[1] + radius * sin(2 * pi * turn)


def arc(centre: Point, radius: float, start: float, end: float, steps: int = 48) -> list[Point]:
    """Points on a circle from one turn to another."""
    return [on_circle(centre, radius, start + (end - start) * step / steps) for step in range(steps + 1)]


def _eased(amount: float) -> float:
    return amount * (0.55 + amount * (1.35 - 0.9 * amount))


_HALO = Image.radial_gradient("L").point([round(255 * max(0.0, 1 - value / 181) ** 2.4) for value in range(256)])
_WEAKER = [[round((value - 128) * 0.85 / 2**octave) + 128 for value in range(256)] for octave in range(6)]
