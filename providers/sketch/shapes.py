"""Places that are nowhere: a studio with solids on a stage, and layers of cut paper."""

from math import sin
from random import Random

from PIL import Image, ImageChops

from providers.sketch.brush import Canvas, Point, Stencil, arc, blurred, faded, gradient, rolling
from providers.sketch.colour import Colour, mix
from providers.sketch.outline import placed, smooth
from providers.sketch.words import Thing

_INK = (22, 14, 38)


def paint_studio(canvas: Canvas) -> None:
    scene, palette, chance = canvas.scene, canvas.scene.palette, canvas.scene.chance("studio")
    floor = canvas.height * scene.horizon
    canvas.image = gradient(canvas.size, (mix(palette.sky[0], palette.sky[1], 0.35), palette.sky[1], palette.low))
    canvas.glow((canvas.width * scene.light[0], canvas.height * 0.3), scene.unit * 75, palette.light, 0.5)
    ground = canvas.stencil(floor)
    ground.rectangle(-2, floor, canvas.width + 2, canvas.height + 2)
    canvas.fill(ground, mix(palette.low, palette.sky[1], 0.25), mix(palette.sky[1], palette.far, 0.5), shade=0.1)
    middle = canvas.width * chance.uniform(0.46, 0.54)
    _arch(canvas, (middle + chance.uniform(-8, 8) * scene.unit, floor), scene.unit * chance.uniform(19, 25), chance)
    side = -1 if scene.light[0] > 0.5 else 1
    _cylinder(
        canvas, (middle + side * 23 * scene.unit, floor + 3 * scene.unit), 11 * scene.unit, 21 * scene.unit, palette.far
    )
    _cylinder(
        canvas, (middle, floor + 11 * scene.unit), 19 * scene.unit, 9 * scene.unit, mix(palette.far, palette.light, 0.5)
    )
    _sphere(canvas, (middle + side * 23 * scene.unit, floor - 25.5 * scene.unit), 7.5 * scene.unit, palette.accent)
    _sphere(
        canvas,
        (middle - side * 30 * scene.unit, floor + 11 * scene.unit),
        6 * scene.unit,
        mix(palette.accent, palette.near, 0.45),
    )
    stage = (middle, floor + 2 * scene.unit)
    if Thing.CUP in scene.things:
        _cup(canvas, stage)
    else:
        _vessel(canvas, stage, chance)


def paint_waves(canvas: Canvas) -> None:
    """Sheets of paper, each throwing a shadow on the one behind it, in front of a disc."""
    palette, chance = canvas.scene.palette, canvas.scene.chance("waves")
    colours = (
        palette.low,
        palette.far,
        palette.accent,
        mix(palette.sky[1], palette.far, 0.3),
        palette.sky[0],
        palette.near,
    )
    count, slant = chance.randint(6, 8), chance.uniform(-0.22, 0.22)
    for number in range(count):
        share = number / (count - 1)
        base = canvas.height * (0.36 + 0.58 * share)
        swing = canvas.height * chance.uniform(0.07, 0.13)
        waves = max(0.6, chance.uniform(0.7, 1.3) * canvas.width / canvas.height)
        line = [
            (x, base - swing * y + slant * (x - canvas.width / 2) * (1 - share))
            for x, y in rolling(canvas.width, chance, waves, 2)
        ]
        place = share * (len(colours) - 1)
        first = min(int(place), len(colours) - 2)
        _sheet(canvas, line, mix(colours[first], colours[first + 1], place - first))


def _sheet(canvas: Canvas, line: list[Point], colour: Colour) -> None:
    unit = canvas.scene.unit
    sheet, shadow = canvas.stencil(), canvas.stencil()
    for stencil, lift in ((sheet, 0.0), (shadow, unit * 1.6)):
        stencil.polygon([*((x, y - lift) for x, y in line), (canvas.width + 9, canvas.height), (-9, canvas.height)])
    canvas.image.paste(_INK, (0, 0), faded(blurred(shadow.mask(), unit * 1.8), 0.4))
    palette = canvas.scene.palette
    canvas.fill(sheet, mix(colour, palette.light, 0.16), mix(colour, palette.near, 0.2), shade=0.1)
    rim = canvas.stencil()
    rim.line(line, 1.0)
    canvas.paint(rim, mix(colour, palette.light, 0.6), 0.6)


def _shadow_below(canvas: Canvas, x: float, y: float, across: float) -> None:
    side = -1 if canvas.scene.light[0] > 0.5 else 1
    stencil = canvas.stencil()
    stencil.ellipse(x + side * across * 0.45, y, across * 1.25, across * 0.2)
    canvas.image.paste(_INK, (0, 0), faded(blurred(stencil.mask(), across * 0.16), 0.34))


def _rounded(canvas: Canvas, stencil: Stencil, left: float, right: float, colour: Colour) -> None:
    """Fills a stencil as if it were round: lit on the side of the light, dark on the other, a little light behind."""
    palette = canvas.scene.palette
    lit, dark = mix(colour, palette.light, 0.45), mix(colour, palette.near, 0.6)
    colours = (mix(colour, palette.light, 0.1), lit, colour, dark, mix(dark, palette.low, 0.2))
    if canvas.scene.light[0] > 0.5:
        colours = colours[::-1]
    left, right = left - 2, right + 2
    width = max(2, round(right - left))
    band = gradient((canvas.image.height, width), colours).transpose(Image.Transpose.ROTATE_90)
    paint = Image.new("RGB", canvas.size)
    paint.paste(band, (round(left), 0))
    mask = stencil.mask()
    canvas.image.paste(paint.crop((0, stencil.top, *canvas.size)), (0, stencil.top), mask)


def _cylinder(canvas: Canvas, foot: Point, radius: float, height: float, colour: Colour) -> None:
    x, y = foot
    flat = radius * 0.2
    _shadow_below(canvas, x, y, radius)
    wall, lid = canvas.stencil(), canvas.stencil()
    wall.rectangle(x - radius, y - height, x + radius, y)
    wall.ellipse(x, y, radius, flat)
    lid.ellipse(x, y - height, radius, flat)
    _rounded(canvas, wall, x - radius - 1, x + radius + 1, colour)
    canvas.paint(lid, mix(colour, canvas.scene.palette.light, 0.5))


def _sphere(canvas: Canvas, centre: Point, radius: float, colour: Colour) -> None:
    x, y = centre
    palette = canvas.scene.palette
    side = 1 if canvas.scene.light[0] > 0.5 else -1
    _shadow_below(canvas, x, y + radius * 0.95, radius * 0.8)
    ball, lit = canvas.stencil(), canvas.stencil()
    ball.ellipse(x, y, radius, radius)
    mask = ball.mask()
    canvas.image.paste(mix(colour, palette.near, 0.6), (0, 0), mask)
    for away, size, shade, strength in (
        (0.18, 0.8, colour, 1.0),
        (0.34, 0.5, mix(colour, palette.light, 0.4), 0.8),
        (0.42, 0.16, palette.light, 0.8),
    ):
        lit = canvas.stencil()
        lit.ellipse(x + side * radius * away, y - radius * away, radius * size, radius * size)
        soft = blurred(lit.mask(), radius * size * 0.45)
        canvas.image.paste(shade, (0, 0), faded(ImageChops.multiply(soft, mask), strength))


def _arch(canvas: Canvas, foot: Point, radius: float, chance: Random) -> None:
    x, y = foot
    palette, tall = canvas.scene.palette, radius * chance.uniform(0.9, 1.25)
    for share, colour in (
        (1.0, mix(palette.far, palette.low, 0.45)),
        (0.74, mix(palette.accent, palette.low, 0.35)),
        (0.46, mix(palette.far, palette.near, 0.3)),
    ):
        stencil = canvas.stencil()
        inner = radius * share
        stencil.polygon([*arc((x, y - tall), inner, 0.5, 1.0), (x + inner, y), (x - inner, y)])
        canvas.fill(stencil, mix(colour, palette.light, 0.2), colour, shade=0.08)


def _vessel(canvas: Canvas, foot: Point, chance: Random) -> None:
    """A vase or bottle turned on a wheel: one profile, mirrored."""
    (x, y), unit, palette = foot, canvas.scene.unit, canvas.scene.palette
    tall = unit * chance.uniform(25, 33)
    half = placed(smooth(chance.choice(_VESSELS)), (0, y), tall)
    belly = max(wide for wide, _ in half)
    _shadow_below(canvas, x, y, belly)
    stencil = canvas.stencil()
    stencil.polygon([*((x + wide, at) for wide, at in half), *((x - wide, at) for wide, at in reversed(half))])
    _rounded(canvas, stencil, x - belly, x + belly, mix(palette.accent, palette.far, 0.15))
    (mouth, top), lip = half[-1], canvas.stencil()
    lip.ellipse(x, top, mouth, mouth * 0.26)
    canvas.paint(lip, mix(palette.accent, palette.near, 0.55))


_VESSELS = (  # half outlines from the foot up: amphora, flask, bowl on a foot, tall bottle
    ((0.15, 0.0), (0.2, 0.06), (0.31, 0.34), (0.29, 0.56), (0.12, 0.76), (0.09, 0.86), (0.16, 1.0)),
    ((0.24, 0.0), (0.34, 0.1), (0.36, 0.26), (0.22, 0.46), (0.08, 0.62), (0.07, 0.9), (0.11, 1.0)),
    ((0.16, 0.0), (0.13, 0.06), (0.3, 0.22), (0.4, 0.42), (0.36, 0.6), (0.24, 0.68), (0.28, 0.74)),
    ((0.2, 0.0), (0.22, 0.03), (0.22, 0.3), (0.21, 0.52), (0.1, 0.68), (0.075, 0.8), (0.095, 1.0)),
)


def _cup(canvas: Canvas, foot: Point) -> None:
    x, y = foot
    unit, palette = canvas.scene.unit, canvas.scene.palette
    radius, tall = unit * 11, unit * 14
    side = -1 if canvas.scene.light[0] > 0.5 else 1
    _shadow_below(canvas, x, y + unit * 2, radius * 1.3)
    saucer, handle, body, rim, drink = (canvas.stencil() for _ in range(5))
    saucer.ellipse(x, y + unit * 1.6, radius * 1.5, radius * 0.28)
    handle.line(arc((x + side * radius * 0.98, y - tall * 0.52), tall * 0.27, 0, 1), unit * 1.9)
    bowl = [
        (radius * (0.52 + 0.48 * (share**0.5)), y - tall * share + unit * 1.2) for share in (n / 16 for n in range(17))
    ]
    body.polygon([*((x + wide, at) for wide, at in bowl), *((x - wide, at) for wide, at in reversed(bowl))])
    china = mix((250, 246, 240), palette.light, 0.4)
    _rounded(canvas, saucer, x - radius * 1.5, x + radius * 1.5, china)
    canvas.paint(handle, mix(china, palette.near, 0.25))
    _rounded(canvas, body, x - radius, x + radius, china)
    rim.ellipse(x, y - tall + unit * 1.2, radius, radius * 0.2)
    drink.ellipse(x, y - tall + unit * 1.5, radius * 0.92, radius * 0.16)
    canvas.paint(rim, mix(china, (255, 255, 255), 0.5))
    canvas.fill(drink, (92, 52, 30), (58, 30, 18), shade=0)
    _steam(canvas, (x, y - tall), radius)


def _steam(canvas: Canvas, foot: Point, radius: float) -> None:
    x, y = foot
    stencil, tall = canvas.stencil(), radius * 2.6
    for offset, phase in ((-0.4, 0.0), (0.05, 2.0), (0.45, 4.0)):
        points = [(x + radius * (offset + 0.2 * sin(phase + n * 0.33)), y - tall * n / 24) for n in range(25)]
        stencil.line(points, radius * 0.12, 190)
    canvas.image.paste(canvas.scene.palette.light, (0, 0), faded(blurred(stencil.mask(), radius * 0.12), 0.75))
