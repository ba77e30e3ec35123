"""A skyline: three rows of buildings, lit windows when it is dark, and their reflection when it is wet."""

from random import Random

from providers.sketch.brush import Canvas, Point, Stencil, blurred, faded
from providers.sketch.colour import Colour, mix
from providers.sketch.water import paint_water
from providers.sketch.words import Sky, Thing


def paint_city(canvas: Canvas) -> None:
    scene, chance = canvas.scene, canvas.scene.chance("city")
    wet = scene.sky is Sky.NEON or bool(scene.things & {Thing.WATER, Thing.RAIN}) or chance.random() < 0.5
    ground = canvas.height * (scene.horizon + 0.06 if wet else 1.0)
    for nearness, low, tall, wide in ((0.12, 0.2, 0.34, 5.0), (0.42, 0.1, 0.42, 7.0), (0.8, 0.03, 0.25, 9.5)):
        raised = (0.8 - nearness) * canvas.height * (0.0 if wet else 0.2)
        _row(canvas, ground - raised, (low, tall, wide), nearness, chance)
    if wet:
        paint_water(canvas, round(ground), tint=0.45)


def _row(canvas: Canvas, ground: float, shape: tuple[float, float, float], nearness: float, chance: Random) -> None:
    palette, (low, tall, wide) = canvas.scene.palette, shape
    colour = palette.depth(nearness)
    walls, windows, lit = canvas.stencil(), canvas.stencil(), canvas.stencil()
    walls.rectangle(-2, ground - canvas.scene.unit, canvas.width + 2, canvas.height)  # the street
    x = -chance.uniform(0, 4) * canvas.scene.unit
    while x < canvas.width:
        width = canvas.scene.unit * wide * chance.uniform(0.65, 1.5)
        # Towers gather away from the light, so that it keeps its place in the sky.
        room = abs((x + width / 2) / canvas.width - canvas.scene.light[0])
        height = canvas.height * (low + tall * chance.random() ** 1.7 * min(1, 0.35 + 1.6 * room))
        _building(walls, (x, ground), width, height, chance)
        if nearness > 0.3:
            _windows(
                windows,
                lit,
                (x, ground - height, x + width, ground),
                canvas.scene.unit * (0.5 + 0.6 * nearness),
                chance,
            )
        x += width + canvas.scene.unit * chance.uniform(-0.6, 0.9 if nearness > 0.3 else 0)
    canvas.fill(walls, mix(colour, palette.low, 0.1), mix(colour, palette.low, 0.35 * (1 - nearness)), shade=0.08)
    _light_windows(canvas, windows, lit, colour, nearness)


def _light_windows(canvas: Canvas, windows: Stencil, lit: Stencil, colour: Colour, nearness: float) -> None:
    palette = canvas.scene.palette
    dark = canvas.scene.dark or canvas.scene.sky in {Sky.SUNSET, Sky.STORM}
    canvas.paint(windows, mix(colour, palette.sky[0] if dark else palette.light, 0.3), 0.8)
    if not dark:
        canvas.paint(lit, mix(palette.light, palette.sky[1], 0.35), 0.6)
        return
    glow = mix(palette.accent, palette.light, 0.35)
    if canvas.scene.sky is Sky.NEON:
        glow = palette.light if nearness > 0.5 else mix(palette.low, palette.accent, 0.3)
    canvas.paint(lit, glow, 0.92)
    canvas.image.paste(glow, (0, lit.top), faded(blurred(lit.mask(), canvas.scene.unit * 1.6), 0.35))


def _building(walls: Stencil, corner: Point, width: float, height: float, chance: Random) -> None:
    x, ground = corner
    top = ground - height
    walls.rectangle(x, top, x + width, ground + 2)
    style = chance.random()
    if style < 0.25:
        for step in (0.16, 0.3):
            walls.rectangle(x + width * step, top - width * step * 0.9, x + width * (1 - step), top)
    elif style < 0.4:
        walls.polygon([(x, top), (x + width, top), (x + width, top - width * 0.45)])
    elif style < 0.5:
        walls.polygon([(x, top), (x + width / 2, top - width * 0.7), (x + width, top)])
    elif style < 0.75:
        walls.rectangle(x + width * 0.2, top - width * 0.14, x + width * 0.5, top)
    if style < 0.32 or style > 0.9:
        walls.rectangle(x + width * 0.48, top - width * 0.95, x + width * 0.48 + 1.2, top)


def _windows(
    windows: Stencil, lit: Stencil, box: tuple[float, float, float, float], size: float, chance: Random
) -> None:
    left, top, right, bottom = box
    gap, busy = size * 1.9, chance.uniform(0.12, 0.5)
    columns = int((right - left - size) / gap)
    if columns < 1 or chance.random() < 0.12:
        return
    indent = (right - left - (columns - 1) * gap - size) / 2
    for row in range(int((bottom - top) / (gap * 1.25)) - 1):
        y = top + gap * (0.7 + row * 1.25)
        for column in range(columns):
            x = left + indent + column * gap
            (lit if chance.random() < busy else windows).rectangle(x, y, x + size, y + size * 1.25)
