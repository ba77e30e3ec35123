"""Water: what stands above it mirrored, rippled and tinted, with the light's path on it."""

from math import pi, sin
from random import Random

from PIL import Image

from providers.sketch.brush import Canvas, blurred, faded, gradient, ramp, rolling
from providers.sketch.colour import mix
from providers.sketch.sky import light_at
from providers.sketch.words import Sky


def paint_sea(canvas: Canvas) -> None:
    scene, chance = canvas.scene, canvas.scene.chance("sea")
    shore = round(canvas.height * scene.horizon)
    for nearness in (0.1, 0.3):
        if chance.random() < 0.75:
            _island(canvas, shore, nearness)
    paint_water(canvas, shore, tint=0.62)
    if scene.sky is Sky.STORM:
        _breakers(canvas, shore, chance)


def paint_water(canvas: Canvas, shore: int, tint: float) -> None:
    """Water from `shore` (pixels from the top) to the foot of the picture; `tint` is how little it mirrors."""
    palette = canvas.scene.palette
    depth = canvas.height - shore
    mirror = _mirrored(canvas.image, shore, depth)
    far, near = mix(palette.low, palette.far, 0.55), mix(palette.near, palette.far, 0.12)
    deep = gradient(mirror.size, (far, mix(far, near, 0.6), near))
    mirror.paste(deep, (0, 0), ramp(mirror.size, round(255 * tint * 0.55), round(255 * min(1, tint * 1.3))))
    canvas.image.paste(_rippled(mirror, canvas), (0, shore))
    _wavelets(canvas, shore, depth)
    if canvas.scene.sky not in {Sky.STORM, Sky.MIST}:
        _glitter(canvas, shore, depth)
    haze = canvas.stencil(shore - 1)
    haze.rectangle(0, shore, canvas.width, shore + 0.8)
    canvas.paint(haze, mix(palette.light, palette.low, 0.4), 0.4)


def _mirrored(image: Image.Image, shore: int, depth: int) -> Image.Image:
    above = image.crop((0, max(0, shore - depth), image.width, shore)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return blurred(above.resize((image.width, depth), Image.Resampling.BICUBIC), 5)


def _rippled(mirror: Image.Image, canvas: Canvas) -> Image.Image:
    """Rows shifted sideways, further the nearer they are."""
    chance, moved = canvas.scene.chance("ripples"), mirror.copy()
    phase = chance.uniform(0, 6)
    for row in range(0, mirror.height, 2):
        near = row / mirror.height
        shift = round(
            (0.4 + 2.6 * near)
            * canvas.scene.unit
            * 0.5
            * (sin(row * (0.55 - 0.3 * near) + phase) + chance.uniform(-0.6, 0.6))
        )
        strip = mirror.crop((0, row, mirror.width, row + 2))
        moved.paste(strip, (shift, row))
    return moved


def _wavelets(canvas: Canvas, shore: int, depth: int) -> None:
    """Short bright and dark strokes, small and dense near the horizon."""
    palette, chance = canvas.scene.palette, canvas.scene.chance("wavelets")
    for colour, strength in (
        (mix(palette.light, palette.low, 0.5), 0.3),
        (mix(palette.near, palette.sky[0], 0.4), 0.3),
    ):
        stencil = canvas.stencil(shore)
        for _ in range(150):
            near = chance.random() ** 1.4
            length = canvas.scene.unit * (1 + 9 * near) * chance.uniform(0.5, 1.3)
            stencil.ellipse(chance.uniform(0, canvas.width), shore + 2 + near * depth, length, 0.35 + 1.3 * near)
        canvas.paint(stencil, colour, strength)


def _glitter(canvas: Canvas, shore: int, depth: int) -> None:
    scene, chance = canvas.scene, canvas.scene.chance("glitter")
    x, _ = light_at(scene)
    stencil = canvas.stencil(shore)
    for _ in range(230):
        near = chance.random() ** 1.25
        spread = scene.unit * (2.5 + 9 * near)
        length = scene.unit * (0.6 + 3.6 * near) * chance.uniform(0.4, 1.2)
        stencil.ellipse(
            chance.gauss(x, spread * 0.55), shore + 1 + near * depth, length, 0.4 + 1.5 * near, chance.randint(60, 225)
        )
    colour = scene.palette.accent if scene.sky is Sky.NEON else scene.palette.light
    canvas.paint(stencil, colour, 0.85)
    soft = blurred(stencil.mask(), scene.unit * 2)
    canvas.image.paste(colour, (0, stencil.top), faded(soft, 0.3))


def _breakers(canvas: Canvas, shore: int, chance: Random) -> None:
    """A heavy swell rolling towards the viewer, foam on its highest crests."""
    palette = canvas.scene.palette
    for nearness in (0.2, 0.4, 0.62, 0.85, 1.1):
        base = shore + (canvas.height - shore) * nearness * 0.85
        swing = canvas.scene.unit * (1.5 + 4.5 * nearness)
        often = (2.6 - 1.3 * nearness) * canvas.width / canvas.height
        line = [(x, base - swing * (0.5 + 0.5 * y) ** 2 * 2) for x, y in rolling(canvas.width, chance, often, 3, 2)]
        swell, foam = canvas.stencil(base - swing * 2), canvas.stencil(base - swing * 2 - 3)
        swell.polygon([*line, (canvas.width + 9, canvas.height), (-9, canvas.height)])
        colour = mix(palette.far, palette.near, 0.3 + 0.3 * nearness)
        canvas.fill(swell, mix(colour, palette.low, 0.35), mix(colour, palette.sky[0], 0.6), shade=0.3)
        for x, y in line:
            high = max(0.0, (base - y) / swing - 0.45)
            foam.ellipse(x, y + 1, 2.2, high * 2.6 * nearness * chance.uniform(0.5, 1.3))
        canvas.paint(foam, mix(palette.light, palette.low, 0.5), 0.75)


def _island(canvas: Canvas, shore: int, nearness: float) -> None:
    palette, chance = canvas.scene.palette, canvas.scene.chance(f"island {nearness}")
    start, length = canvas.width * chance.uniform(-0.2, 0.75), canvas.width * chance.uniform(0.3, 0.6)
    tall = canvas.height * chance.uniform(0.03, 0.09)
    points = [
        (
            start + x * length / canvas.width,
            shore - tall * max(0, 1.15 * sin(pi * min(1, max(0, x / canvas.width))) + 0.28 * y - 0.12),
        )
        for x, y in rolling(canvas.width, chance, 2.2, 5, 8)
    ]
    stencil = canvas.stencil(shore - tall * 1.6)
    stencil.polygon([*points, (points[-1][0], shore + 2), (points[0][0], shore + 2)])
    colour = palette.depth(nearness)
    canvas.fill(stencil, colour, colour, shade=0)
