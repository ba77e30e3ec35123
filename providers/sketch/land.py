"""The ground, place by place, from the horizon to the viewer's feet."""

from itertools import pairwise
from random import Random

from PIL import Image, ImageChops

from providers.sketch.brush import Canvas, Point, Stencil, faded, jagged, ramp, rolling
from providers.sketch.colour import mix
from providers.sketch.plants import plant_copses
from providers.sketch.words import Thing


def paint_hills(canvas: Canvas) -> None:
    scene, chance = canvas.scene, canvas.scene.chance("hills")
    layers = chance.randint(5, 6)
    for number in range(layers):
        nearness = number / (layers - 1)
        base = canvas.height * (scene.horizon + (1.02 - scene.horizon) * nearness**1.35 * 0.8)
        swing = canvas.height * (0.05 + 0.045 * nearness)
        waves = (1.6 - 0.9 * nearness) * canvas.width / canvas.height * chance.uniform(0.6, 1.1)
        line = [
            (x, base - swing * y) for x, y in rolling(canvas.width, chance, max(0.5, waves), 4 if number < 2 else 3)
        ]
        _layer(canvas, line, nearness)
        if 0.1 < nearness < 0.95:
            plant_copses(canvas, line, nearness, chance)


def paint_dunes(canvas: Canvas) -> None:
    scene, chance = canvas.scene, canvas.scene.chance("dunes")
    for number in range(5):
        nearness = number / 4
        base = canvas.height * (scene.horizon + (0.98 - scene.horizon) * nearness**1.3 * 0.82)
        swing = canvas.height * (0.03 + 0.06 * nearness)
        line = [(x, base - swing * y) for x, y in rolling(canvas.width, chance, max(0.8, 1.9 - nearness), 2)]
        _layer(canvas, line, nearness * 0.75, relief=0.75)


def paint_mountains(canvas: Canvas) -> None:
    scene, chance = canvas.scene, canvas.scene.chance("mountains")
    foot = canvas.height * scene.horizon
    for row, (nearness, tall, count) in enumerate(((0.12, 0.26, 5), (0.42, 0.36, 4), (0.75, 0.2, 5))):
        spread = canvas.width / count
        order = list(range(-1, count + 1))
        chance.shuffle(order)
        for position in order:
            x = (position + chance.uniform(0.2, 0.8)) * spread
            height = canvas.height * tall * chance.uniform(0.55, 1.1)
            _mountain(canvas, (x, foot - height), height * chance.uniform(1.1, 1.5), nearness, snowy=row < 2)
    _foothills(canvas)


def _foothills(canvas: Canvas) -> None:
    if Thing.WATER in canvas.scene.things:
        return
    chance = canvas.scene.chance("foothills")
    for nearness, base, swing in ((0.8, 0.0, 0.02), (0.9, 0.12, 0.03), (1.0, 0.24, 0.035)):
        foot = canvas.height * (canvas.scene.horizon - 0.015 + base)
        points = rolling(canvas.width, chance, 1.3 * canvas.width / canvas.height, 5)
        _layer(canvas, [(x, foot - y * swing * canvas.height) for x, y in points], nearness)


def _layer(canvas: Canvas, line: list[Point], nearness: float, relief: float = 0.3) -> None:
    """One fold of ground below a line: lit along its crest, fading into mist at its foot."""
    palette = canvas.scene.palette
    colour = palette.depth(nearness)
    crest = min(y for _, y in line)
    stencil = canvas.stencil(crest)
    stencil.polygon([*line, (canvas.width + 9, canvas.height), (-9, canvas.height)])
    mist = mix(colour, palette.low, 0.55 * (1 - nearness) + 0.08)
    canvas.fill(stencil, mix(colour, palette.light, 0.12), mist if nearness < 0.9 else mix(colour, (10, 8, 26), 0.25))
    _shaded_slopes(canvas, stencil, line, relief)
    rim = canvas.stencil(crest - 2)
    rim.line(line, 1.1)
    canvas.paint(rim, mix(colour, palette.light, 0.65), 0.5)


def _shaded_slopes(canvas: Canvas, fold: Stencil, line: list[Point], strength: float) -> None:
    """A slope that turns away from the light darkens; its shadow leans downhill, which gives the fold its body."""
    palette, side = canvas.scene.palette, (1 if canvas.scene.light[0] > 0.5 else -1)
    steepness = [(after[1] - before[1]) / (after[0] - before[0]) * side for before, after in pairwise(line)]
    strip = Image.new("L", (len(steepness), 1))
    strip.putdata([round(255 * min(1.0, max(0.0, 0.12 - 2.6 * slope))) for slope in steepness])
    mask = fold.mask()
    wide = strip.resize(mask.size, Image.Resampling.BICUBIC)
    lean = wide.transform(mask.size, Image.Transform.AFFINE, (1, 0.55 * side, 0, 0, 1, 0), Image.Resampling.BILINEAR)
    falling = ImageChops.multiply(lean, ramp(mask.size, 255, 30))
    shadow = mix(palette.dark, palette.far, 0.2)
    canvas.image.paste(shadow, (0, fold.top), faded(ImageChops.multiply(falling, mask), strength))


def _mountain(canvas: Canvas, peak: Point, reach: float, nearness: float, *, snowy: bool) -> None:
    """A peak with a lit and a shaded side and, if high enough, snow."""
    scene, chance, palette = canvas.scene, canvas.scene.chance(f"mountain {peak}"), canvas.scene.palette
    foot = canvas.height * scene.horizon + 2
    left_foot, right_foot = (
        (peak[0] - reach * chance.uniform(0.8, 1.2), foot),
        (peak[0] + reach * chance.uniform(0.8, 1.2), foot),
    )
    left = jagged(left_foot, peak, chance, 0.07, 6)
    right = [*jagged(peak, right_foot, chance, 0.07, 6), right_foot]
    spine = [*jagged((peak[0] + reach * chance.uniform(-0.2, 0.2), foot), peak, chance, 0.16), peak]
    colour = palette.depth(nearness)
    mist = mix(colour, palette.low, 0.6 * (1 - nearness) + 0.15)
    body = canvas.stencil(peak[1] - 9, foot + 1)
    body.polygon(left + right)
    canvas.fill(body, mix(colour, palette.light, 0.14), mist, shade=0.06)
    away = spine + right if scene.light[0] < 0.5 else [*left, *reversed(spine)]
    shaded = canvas.stencil(peak[1] - 9, foot + 1)
    shaded.polygon(away)
    canvas.fill(shaded, mix(colour, palette.sky[0], 0.45), mix(mist, palette.sky[0], 0.12), shade=0.1)
    if snowy and foot - peak[1] > canvas.height * 0.14:
        _snow_cap(canvas, (body, shaded), peak, reach, chance)


def _snow_cap(canvas: Canvas, sides: tuple[Stencil, Stencil], peak: Point, reach: float, chance: Random) -> None:
    depth = (canvas.height * canvas.scene.horizon - peak[1]) * chance.uniform(0.3, 0.5)
    palette = canvas.scene.palette
    above = canvas.stencil(peak[1] - 9, canvas.height * canvas.scene.horizon + 3)
    hem = [
        (peak[0] - reach + reach * n / 11, peak[1] + depth * chance.uniform(*((0.35, 0.7), (0.8, 1.3))[n % 2]))
        for n in range(23)
    ]
    above.polygon([(hem[0][0], 0), *hem, (hem[-1][0], 0)])
    white = mix((250, 250, 252), palette.light, 0.35)
    for side, colour in zip(sides, (white, mix(white, palette.sky[1], 0.5)), strict=True):
        canvas.paint(above, colour, 0.92, inside=side)
