"""All that hangs above the horizon: sun, moon, stars, clouds, aurora, and what flies."""

from PIL import Image, ImageChops

from providers.sketch.brush import (
    Canvas,
    Point,
    Stencil,
    arc,
    blurred,
    clouded,
    faded,
    jagged,
    on_circle,
    ramp,
    rolling,
)
from providers.sketch.colour import mix, oklch
from providers.sketch.outline import placed
from providers.sketch.scene import Scene
from providers.sketch.words import Place, Sky, Thing


def paint_sky(canvas: Canvas) -> None:
    things, sky = canvas.scene.things, canvas.scene.sky
    if Thing.STARS in things:
        _nebula(canvas)
        _stars(canvas)
    if Thing.AURORA in things:
        _aurora(canvas)
    if Thing.PLANET in things:
        _planet(canvas)
    elif Thing.MOON in things or sky is Sky.NIGHT:
        _moon(canvas)
    elif sky not in {Sky.STORM, Sky.MIST}:
        _sun(canvas)
    _clouds(canvas)
    if sky is Sky.STORM:
        _lightning(canvas)
    if Thing.BIRDS in things:
        _birds(canvas)
    if Thing.BALLOON in things:
        _balloons(canvas)


_SEAS_OF_THE_MOON = (
    (0.0, 0.42, 0.26),
    (0.13, 0.5, 0.17),
    (0.3, 0.45, 0.12),
    (0.55, 0.55, 0.2),
    (0.72, 0.2, 0.1),
    (0.85, 0.68, 0.09),
)


def light_at(scene: Scene) -> Point:
    """Where the sun or moon stands, in pixels."""
    return scene.light[0] * scene.width, scene.light[1] * scene.height


def _sun(canvas: Canvas) -> None:
    scene, palette = canvas.scene, canvas.scene.palette
    chance = scene.chance("sun")
    low = scene.sky in {Sky.SUNSET, Sky.DUSK, Sky.NEON, Sky.WARM}
    radius = scene.unit * (chance.uniform(8, 13) if low else chance.uniform(4.5, 7.5))
    centre = light_at(scene)
    canvas.glow(centre, radius * 7, mix(palette.light, palette.low, 0.5), 0.55)
    canvas.glow(centre, radius * 2.6, palette.light, 0.5)
    stencil = canvas.stencil(centre[1] - radius - 2)
    stencil.ellipse(*centre, radius, radius)
    if scene.sky is not Sky.NEON:
        canvas.fill(stencil, palette.light, mix(palette.light, palette.low, 0.25), shade=0)
        return
    for bar in range(6):
        middle = centre[1] + radius * (0.05 + 0.17 * bar)
        stencil.rectangle(0, middle, canvas.width, middle + radius * 0.018 * (bar + 1), 0)
    canvas.fill(stencil, palette.accent, palette.low, shade=0)


def _moon(canvas: Canvas) -> None:
    scene, light = canvas.scene, canvas.scene.palette.light
    chance = scene.chance("moon")
    x, y = light_at(scene)
    radius = scene.unit * chance.uniform(4.5, 8)
    canvas.glow((x, y), radius * 7, mix(light, scene.palette.sky[1], 0.4), 0.5)
    stencil = canvas.stencil()
    stencil.ellipse(x, y, radius, radius)
    canvas.paint(stencil, light)
    stencil = canvas.stencil()
    start = chance.random()
    for turn, away, size in _SEAS_OF_THE_MOON:
        stencil.ellipse(*on_circle((x, y), radius * away, start + turn), radius * size, radius * size * 0.9)
    seas = blurred(stencil.mask(), radius * 0.05)
    canvas.image.paste(mix(light, scene.palette.sky[1], 0.35), (0, 0), faded(seas, 0.42))


def _planet(canvas: Canvas) -> None:
    scene, palette = canvas.scene, canvas.scene.palette
    x, y = light_at(scene)
    radius = scene.unit * scene.chance("planet").uniform(11, 17)
    canvas.glow((x, y), radius * 4, palette.sky[2], 0.4)
    disc, shadow = canvas.stencil(), canvas.stencil()
    disc.ellipse(x, y, radius, radius)
    shadow.ellipse(x - radius * 0.42, y - radius * 0.42, radius * 1.12, radius * 1.12)
    canvas.fill(disc, mix(palette.accent, palette.light, 0.45), palette.accent, shade=0)
    night = ImageChops.subtract(disc.mask(), blurred(shadow.mask(), radius * 0.35))
    canvas.image.paste(palette.sky[0], (0, 0), faded(night, 0.9))
    ring = canvas.stencil()
    tilt = 0.3
    for band, strength in ((1.9, 200), (1.62, 90), (1.5, 235), (1.36, 0)):
        points = arc((0, 0), radius * band, 0, 1, 72)
        ring.polygon([(x + px - py * 0.06, y + py * tilt - px * 0.28) for px, py in points], strength)
    behind = canvas.stencil()
    behind.polygon([(x + px, y + py - 0.28 * px) for px, py in arc((0, 0), radius, 0.5, 1.0)])
    seen = ImageChops.subtract(ring.mask(), ImageChops.multiply(behind.mask(), disc.mask()))
    canvas.image.paste(mix(palette.light, palette.accent, 0.35), (0, 0), seen)


def _stars(canvas: Canvas) -> None:
    scene, chance = canvas.scene, canvas.scene.chance("stars")
    stencil = canvas.stencil()
    for _ in range(round(canvas.width * canvas.height / 1900)):
        x, y = chance.uniform(0, canvas.width), canvas.height * 0.85 * chance.random() ** 1.3
        size = 0.35 + 1.1 * chance.random() ** 6
        stencil.ellipse(x, y, size, size, chance.randint(70, 255))
    canvas.paint(stencil, (255, 252, 240))
    for _ in range(5):
        spot = (chance.uniform(0, canvas.width), chance.uniform(0, canvas.height * 0.4))
        canvas.glow(spot, scene.unit * chance.uniform(1, 2.4), scene.palette.light, 0.9)


def _nebula(canvas: Canvas) -> None:
    chance, palette = canvas.scene.chance("nebula"), canvas.scene.palette
    across = max(2, round(3 * canvas.width / canvas.height))
    for colour, strength in ((palette.sky[2], 0.5), (oklch(0.55, 0.17, chance.uniform(270, 350)), 0.6)):
        field = clouded(canvas.size, chance, across, 3, 5).point([max(0, min(255, (v - 118) * 3)) for v in range(256)])
        canvas.shine(faded(ImageChops.multiply(field, ramp(canvas.size, 255, 60)), strength), colour)


def _aurora(canvas: Canvas) -> None:
    chance = canvas.scene.chance("aurora")
    width, height = canvas.size
    for colour in ((98, 242, 176), (86, 196, 232), (176, 120, 240)):
        curtain = Image.new("L", (width // 4, height // 4))
        base, sway = height * chance.uniform(0.3, 0.46), height * 0.09
        rays = rolling(width, chance, 19, 4)
        for (x, y), (_, ray) in zip(rolling(width, chance, 1.3, 3), rays, strict=True):
            foot = round((base + y * sway) / 4)
            column = ramp((1, round(height * (0.3 + 0.09 * ray) / 4)), 0, round(135 + 90 * ray))
            curtain.paste(column, (round(x / 4), foot - column.height))
        soft = blurred(curtain.resize(canvas.size, Image.Resampling.BICUBIC), canvas.scene.unit * 0.8)
        canvas.shine(faded(soft, 0.7), colour)


def _clouds(canvas: Canvas) -> None:
    scene, palette, chance = canvas.scene, canvas.scene.palette, canvas.scene.chance("clouds")
    heavy = scene.sky in {Sky.STORM, Sky.MIST}
    if scene.place is Place.STUDIO or (scene.dark and not heavy and chance.random() < 0.4):
        return
    across = max(1, round(2 * canvas.width / canvas.height))
    field = clouded(canvas.size, chance, across, chance.choice((6, 8, 10)), 5)
    threshold = 112 if heavy else chance.randint(128, 142)
    shape = field.point([max(0, min(255, (value - threshold) * 6)) for value in range(256)])
    high = ImageChops.multiply(shape, ramp(canvas.size, 235, 40))
    lit = mix(palette.light, palette.low, 0.35)
    shadow = mix(palette.sky[1], palette.sky[0], 0.35)
    canvas.image.paste(mix(lit, shadow, 0.75), (0, 0), faded(high, 0.5 if scene.dark else 0.6))
    # The shape less itself a little lower: the edges that face the light.
    lower = Image.new("L", canvas.size)
    lower.paste(high, (0, round(scene.unit * 1.6)))
    edge = ImageChops.subtract(high, lower)
    edge.paste(0, (0, 0, canvas.width, round(scene.unit * 1.6)))
    canvas.image.paste(lit, (0, 0), faded(edge, 0.4 if scene.dark else 0.85))


def _lightning(canvas: Canvas) -> None:
    scene, chance = canvas.scene, canvas.scene.chance("lightning")
    x, foot = light_at(scene)[0], canvas.height * (scene.horizon + 0.02)
    path = [*jagged((x, canvas.height * 0.1), (x + scene.unit * chance.uniform(-14, 14), foot), chance, 0.13, 6)]
    bolt = canvas.stencil()
    bolt.line(path, scene.unit * 0.32)
    for _ in range(4):
        start = chance.choice(path[8:48])
        end = (start[0] + scene.unit * chance.uniform(-16, 16), start[1] + scene.unit * chance.uniform(8, 20))
        bolt.line(jagged(start, end, chance, 0.16, 4), scene.unit * 0.14, 190)
    canvas.glow(path[len(path) // 4], scene.unit * 52, scene.palette.light, 0.4)
    canvas.shine(faded(blurred(bolt.mask(), scene.unit * 1.4), 0.9), scene.palette.light)
    canvas.paint(bolt, (255, 253, 244))


def _birds(canvas: Canvas) -> None:
    scene, chance = canvas.scene, canvas.scene.chance("birds")
    stencil = canvas.stencil()
    x, y = canvas.width * chance.uniform(0.2, 0.75), canvas.height * chance.uniform(0.14, 0.3)
    for _ in range(chance.randint(4, 8)):
        span = scene.unit * chance.uniform(0.9, 1.9)
        _bird(stencil, (x, y), span, chance.uniform(0.25, 0.55))
        x, y = x + span * chance.uniform(1.5, 4), y + span * chance.uniform(-1.6, 1.8)
    canvas.paint(stencil, mix(scene.palette.near, scene.palette.sky[0], 0.3), 0.85)


def _bird(stencil: Stencil, at: Point, span: float, lift: float) -> None:
    upper = ((-1.0, 0.6), (-0.5, 1.0), (0.0, 0.0), (0.5, 1.0), (1.0, 0.5))
    lower = ((0.5, 0.72), (0.0, -0.35), (-0.5, 0.72))
    stencil.polygon(placed([(across, up * lift) for across, up in upper + lower], at, span))


def _balloons(canvas: Canvas) -> None:
    scene, palette, chance = canvas.scene, canvas.scene.palette, canvas.scene.chance("balloons")
    for size in sorted(chance.uniform(3, 9) for _ in range(3)):
        x, y = canvas.width * chance.uniform(0.12, 0.88), canvas.height * chance.uniform(0.12, 0.45)
        radius = scene.unit * size
        for share, colour in ((1.0, palette.accent), (0.62, palette.light), (0.26, palette.accent)):
            stencil = canvas.stencil(y - radius - 2)
            stencil.ellipse(x, y, radius * share, radius)
            skirt = [(x - radius * 0.86 * share, y + radius * 0.5), (x + radius * 0.86 * share, y + radius * 0.5)]
            stencil.polygon(
                [*skirt, (x + radius * 0.2 * share, y + radius * 1.42), (x - radius * 0.2 * share, y + radius * 1.42)]
            )
            canvas.paint(stencil, mix(colour, palette.low, 0.35 - size / 40))
        basket = canvas.stencil(y)
        basket.rectangle(x - radius * 0.15, y + radius * 1.58, x + radius * 0.15, y + radius * 1.8)
        basket.line([(x - radius * 0.18, y + radius * 1.4), (x - radius * 0.13, y + radius * 1.6)], 0.6)
        basket.line([(x + radius * 0.18, y + radius * 1.4), (x + radius * 0.13, y + radius * 1.6)], 0.6)
        canvas.paint(basket, mix(palette.near, palette.low, 0.2))
