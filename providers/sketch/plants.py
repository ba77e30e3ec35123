"""What grows: rows of conifers, lone trees, flowers and cacti."""

from math import cos, pi, sin
from random import Random

from providers.sketch.brush import Canvas, Point, Stencil, arc, on_circle, rolling
from providers.sketch.colour import mix
from providers.sketch.words import Thing


def paint_forest(canvas: Canvas) -> None:
    scene, chance = canvas.scene, canvas.scene.chance("forest")
    rows = ((0.0, 0.1, 0.13), (0.22, 0.17, 0.19), (0.45, 0.26, 0.27), (0.72, 0.38, 0.36), (1.0, 0.5, 0.55))
    for nearness, drop, tall in rows:
        ground = canvas.height * (scene.horizon + drop)
        line = [(x, ground - y * canvas.height * 0.035) for x, y in rolling(canvas.width, chance, 1.2, 3)]
        _tree_row(canvas, line, nearness, canvas.height * tall, chance)


def _tree_row(canvas: Canvas, line: list[Point], nearness: float, tall: float, chance: Random) -> None:
    palette = canvas.scene.palette
    colour = palette.depth(nearness)
    trees = canvas.stencil(min(y for _, y in line) - tall * 1.2)
    trees.polygon([*line, (canvas.width + 9, canvas.height), (-9, canvas.height)])
    x = -tall * 0.2
    while x < canvas.width + tall * 0.2:
        # The nearest row frames the picture and leaves its middle open.
        middle = 1 - abs(2 * x / canvas.width - 1)
        if nearness < 1 or middle < 0.42:
            height = tall * chance.uniform(0.6, 1.15)
            ground = line[min(len(line) - 1, max(0, int(x / 4) + 1))][1]
            _conifer(trees, x, ground + 3, height, chance)
        x += tall * chance.uniform(0.12, 0.34)
    mist = mix(colour, palette.low, 0.7 * (1 - nearness) + 0.05)
    canvas.fill(trees, mix(colour, palette.light, 0.06), mist, shade=0.1)


def _conifer(stencil: Stencil, x: float, ground: float, height: float, chance: Random) -> None:
    tiers = 7
    width = height * chance.uniform(0.15, 0.2)
    left: list[Point] = []
    right: list[Point] = []
    for tier in range(1, tiers + 1):
        y = ground - height * (1 - 0.93 * tier / tiers)
        reach = width * (tier / tiers) ** 0.85
        for side, points in ((-1, left), (1, right)):
            tip = reach * chance.uniform(0.8, 1.15)
            points += [(x + side * tip, y + height * 0.015), (x + side * tip * 0.42, y - height * 0.025)]
    stencil.polygon([(x, ground - height), *right, *reversed(left)])
    stencil.rectangle(x - height * 0.012, ground - height * 0.1, x + height * 0.012, ground)


def paint_plants(canvas: Canvas) -> None:
    """What stands in the foreground whatever the place."""
    things = canvas.scene.things
    if Thing.TREE in things:
        _lone_tree(canvas)
    if Thing.CACTUS in things:
        _cacti(canvas)
    if Thing.FLOWERS in things:
        _flowers(canvas)


def plant_copses(canvas: Canvas, line: list[Point], nearness: float, chance: Random) -> None:
    """Here and there along a ridge a few trees, small with distance, that give the hills their size."""
    palette = canvas.scene.palette
    stencil = canvas.stencil(min(y for _, y in line) - canvas.scene.unit * 14)
    slender = chance.random() < 0.4
    for _ in range(chance.randint(2, 4)):
        start = chance.randrange(2, len(line) - 2)
        for _ in range(chance.randint(2, 7)):
            x, y = line[min(len(line) - 1, max(0, start + chance.randint(-9, 9)))]
            tall = canvas.scene.unit * (0.8 + 3.2 * nearness) * chance.uniform(0.7, 1.3)
            across = tall * (0.22 if slender else chance.uniform(0.55, 0.75))
            down = tall * (1.25 if slender else 0.62)
            stencil.rectangle(x - tall * 0.06, y - tall * 0.6, x + tall * 0.06, y + tall * 0.3)
            stencil.ellipse(x, y - tall * 0.2 - down, across, down)
            if not slender:
                stencil.ellipse(x + across * 0.6, y - tall * 0.55, across * 0.65, down * 0.65)
    canvas.paint(stencil, mix(palette.depth(nearness), palette.dark, 0.3 + 0.4 * nearness))


def _lone_tree(canvas: Canvas) -> None:
    scene, chance, palette = canvas.scene, canvas.scene.chance("tree"), canvas.scene.palette
    x = canvas.width * (0.27 if scene.light[0] > 0.5 else 0.73)
    ground, height = canvas.height * 0.83, canvas.height * 0.36
    trunk = canvas.stencil(ground - height * 1.4)
    mound = [
        (px, ground + height * 0.04 + (abs(px - x) / canvas.width) ** 1.6 * height * 0.9)
        for px in range(-8, canvas.width + 9, 8)
    ]
    trunk.polygon([*mound, (canvas.width + 8, canvas.height), (-8, canvas.height)])
    _branch(trunk, (x, ground + height * 0.07), 0.75, height * 0.36, chance)
    canvas.paint(trunk, mix(palette.near, (12, 8, 20), 0.45))
    bright, dim = canvas.stencil(trunk.top), canvas.stencil(trunk.top)
    for _ in range(170):
        turn, away = chance.random(), chance.random() ** 0.6
        px, py = (
            x + cos(turn * 2 * pi) * away * height * 0.4,
            ground - height * 0.82 + sin(turn * 2 * pi) * away * height * 0.3,
        )
        size = height * chance.uniform(0.025, 0.075)
        dim.ellipse(px, py, size, size * 0.8)
        toward = -1 if scene.light[0] < 0.5 else 1
        if chance.random() < 0.55:
            bright.ellipse(px + toward * size * 0.35, py - size * 0.4, size * 0.6, size * 0.45)
    leaves = mix(palette.near, palette.accent, 0.25)
    canvas.paint(dim, leaves, 0.96)
    canvas.paint(bright, mix(leaves, palette.light, 0.3), 0.6)


def _branch(stencil: Stencil, foot: Point, turn: float, length: float, chance: Random) -> None:
    """A tapering branch in one direction, and two thinner ones at its end, until they are twigs."""
    tip, thick = on_circle(foot, length, turn), length * 0.1
    left, right = (on_circle(foot, thick, turn + side) for side in (-0.25, 0.25))
    thin_right, thin_left = (on_circle(tip, thick * 0.7, turn + side) for side in (0.25, -0.25))
    stencil.polygon([left, right, thin_right, thin_left])
    stencil.ellipse(*tip, thick * 0.7, thick * 0.7)
    if thick > 2.5:
        for side in (-1, 1):
            _branch(stencil, tip, turn + side * chance.uniform(0.04, 0.1), length * chance.uniform(0.64, 0.74), chance)


def _cacti(canvas: Canvas) -> None:
    chance, palette = canvas.scene.chance("cacti"), canvas.scene.palette
    for near in (0.35, 0.55, 1.0):
        x = canvas.width * ((0.12, 0.3) if canvas.scene.light[0] > 0.5 else (0.7, 0.88))[
            near < 1
        ] + canvas.width * chance.uniform(-0.07, 0.07)
        ground, height = canvas.height * (0.7 + 0.24 * near), canvas.height * 0.3 * near
        width = height * 0.085
        stencil = canvas.stencil(ground - height * 1.2)
        _limb(stencil, [(x, ground), (x, ground - height)], width)
        for side in (-1, 1):
            elbow, reach, tip = (
                ground - height * chance.uniform(0.35, 0.55),
                height * chance.uniform(0.17, 0.24),
                height * chance.uniform(0.2, 0.34),
            )
            _limb(stencil, [(x, elbow), (x + side * reach, elbow), (x + side * reach, elbow - tip)], width * 0.72)
        colour = mix(palette.accent, palette.near, 0.15 + 0.3 * near)
        canvas.fill(stencil, mix(colour, palette.low, 0.4 * (1 - near)), mix(colour, palette.near, 0.4), shade=0.2)


def _limb(stencil: Stencil, points: list[Point], width: float) -> None:
    stencil.line(points, width * 2)
    for x, y in points:
        stencil.ellipse(x, y, width, width)


def _flowers(canvas: Canvas) -> None:
    chance, palette = canvas.scene.chance("flowers"), canvas.scene.palette
    colours = (palette.accent, mix(palette.accent, palette.light, 0.55), mix(palette.accent, palette.sky[1], 0.55))
    for near, count in ((0.25, 90), (0.5, 46), (0.78, 20), (1.0, 8)):
        size = canvas.scene.unit * (0.4 + 3.6 * near**1.6)
        band = canvas.height * (0.74 + 0.2 * near)
        top = band - canvas.height * 0.07 - size * 2
        stems, hearts, *petals = (canvas.stencil(top) for _ in range(2 + len(colours)))
        for _ in range(count):
            x, y = canvas.width * chance.uniform(-0.02, 1.02), band + canvas.height * chance.uniform(-0.07, 0.07)
            lean = size * chance.uniform(-1, 1)
            stems.line(
                [
                    (x, y),
                    (x + lean * 0.4, y + size * 2.5),
                    (x + lean, canvas.height + 4 if near > 0.6 else y + size * 5),
                ],
                size * 0.15,
            )
            _flower(chance.choice(petals), hearts, (x, y), size, chance)
        canvas.paint(stems, mix(palette.near, palette.far, 0.35 * (1 - near)), 0.9)
        for stencil, colour in zip(petals, colours, strict=True):
            canvas.paint(stencil, mix(colour, palette.low, 0.3 * (1 - near)))
        canvas.paint(hearts, mix(palette.light, palette.accent, 0.2))


def _flower(petals: Stencil, hearts: Stencil, centre: Point, size: float, chance: Random) -> None:
    turn, tilt = chance.random(), chance.uniform(0.55, 0.95)
    for x, y in arc((0, 0), size * 0.58, turn, turn + 1, 6)[:-1]:
        petals.ellipse(centre[0] + x, centre[1] + y * tilt, size * 0.45, size * 0.45 * tilt)
    hearts.ellipse(*centre, size * 0.24, size * 0.24 * tilt)
