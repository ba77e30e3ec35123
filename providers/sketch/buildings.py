"""What people have put there: a cabin, a lighthouse, a sailing boat."""

from providers.sketch.brush import Canvas, blurred, faded
from providers.sketch.colour import mix
from providers.sketch.outline import placed, smooth, stroke
from providers.sketch.words import Place, Thing

_INK = (14, 10, 24)
_WHITE = (248, 246, 242)
_LAMPLIGHT = (255, 214, 140)


def paint_buildings(canvas: Canvas) -> None:
    things, place = canvas.scene.things, canvas.scene.place
    if Thing.HOUSE in things and place is not Place.SEA:
        _house(canvas)
    if Thing.LIGHTHOUSE in things:
        _lighthouse(canvas)
    if Thing.BOAT in things and place is Place.SEA:
        _boat(canvas)


def _house(canvas: Canvas) -> None:
    scene, palette = canvas.scene, canvas.scene.palette
    x = canvas.width * (0.3 if scene.light[0] > 0.5 else 0.7)
    y, size = canvas.height * min(0.86, scene.horizon + 0.2), scene.unit * 8
    knoll, wall, roof, lit = (canvas.stencil(y - size * 3) for _ in range(4))
    slope = [(px, y + (abs(px - x) / canvas.width) ** 1.5 * scene.unit * 30) for px in range(-8, canvas.width + 9, 8)]
    knoll.polygon([*slope, (canvas.width + 8, canvas.height), (-8, canvas.height)])
    wall.polygon(placed(_WALLS, (x, y), size))
    for outline in (_ROOF, _GABLE, _CHIMNEY):
        roof.polygon(placed(outline, (x, y), size))
    for window in (-0.62, 0.38, 0.86):
        lit.rectangle(x + size * window, y - size * 0.58, x + size * (window + 0.26), y - size * 0.24)
    dark = mix(palette.dark, _INK, 0.35)
    canvas.fill(knoll, mix(palette.floor, palette.light, 0.1), mix(palette.floor, palette.near, 0.5))
    canvas.paint(wall, mix(dark, palette.far, 0.3))
    canvas.paint(roof, mix(_WHITE, palette.sky[1], 0.2) if Thing.SNOW in scene.things else dark)
    canvas.paint(lit, _LAMPLIGHT)
    canvas.glow((x + size * 0.3, y - size * 0.4), size * 2.2, _LAMPLIGHT, 0.5 if scene.dark else 0.25)
    smoke = canvas.stencil()
    stroke(smoke, placed(_SMOKE, (x, y), size), size * 0.16)
    canvas.image.paste(palette.light, (0, 0), faded(blurred(smoke.mask(), size * 0.2), 0.45))


_WALLS = ((-1.0, -0.1), (-1.0, 0.8), (-0.45, 1.5), (0.1, 0.8), (1.3, 0.8), (1.3, -0.1))
_ROOF = ((-0.45, 1.62), (0.98, 1.62), (1.5, 0.74), (0.14, 0.74))
_GABLE = ((-0.45, 1.62), (-0.38, 1.5), (-1.05, 0.66), (-1.16, 0.74))
_CHIMNEY = ((0.62, 1.95), (0.86, 1.95), (0.86, 1.4), (0.62, 1.4))
_SMOKE = smooth(((0.74, 2.0), (0.95, 2.5), (0.8, 3.1), (1.15, 3.8), (1.1, 4.6)))


def _lighthouse(canvas: Canvas) -> None:
    scene, palette = canvas.scene, canvas.scene.palette
    side = -1 if scene.light[0] > 0.5 else 1
    foot = x, y = canvas.width * (0.5 + side * 0.27), canvas.height * (scene.horizon + 0.07)
    tall = canvas.height * 0.4
    rock, tower, bands, lamp = (canvas.stencil(y - tall * 1.1) for _ in range(4))
    rock.polygon(placed([(side * out, up) for out, up in _ROCK], foot, tall))
    tower.polygon(placed(_TOWER, foot, tall))
    for low in (0.12, 0.44):
        bands.rectangle(0, y - tall * (low + 0.16), canvas.width, y - tall * low)
    for outline in (_GALLERY, _LANTERN, _CAP):
        lamp.polygon(placed(outline, foot, tall))
    canvas.fill(rock, mix(palette.near, palette.far, 0.3), mix(palette.near, _INK, 0.35))
    canvas.fill(tower, mix(_WHITE, palette.light, 0.3), mix(_WHITE, palette.sky[1], 0.4), shade=0)
    canvas.paint(bands, mix((196, 52, 44), palette.sky[0], 0.15), inside=tower)
    canvas.paint(lamp, mix(palette.near, _INK, 0.5))
    canvas.glow((x, y - tall * 0.85), tall * (0.5 if scene.dark else 0.22), _LAMPLIGHT, 0.95)
    if scene.dark:
        beam = canvas.stencil()
        beam.polygon(placed([(-side * out, up) for out, up in _BEAM], foot, tall))
        canvas.shine(faded(blurred(beam.mask(), scene.unit), 0.25), _LAMPLIGHT)


# Out to the picture's nearer edge and beyond it, and up; a tower is one unit tall.
_ROCK = ((-0.62, -0.2), (-0.42, -0.05), (-0.2, 0.01), (0.3, 0.03), (9.0, -0.02), (9.0, -0.2))
_TOWER = ((-0.085, 0.0), (-0.05, 0.8), (0.05, 0.8), (0.085, 0.0))
_GALLERY = ((-0.068, 0.82), (0.068, 0.82), (0.068, 0.795), (-0.068, 0.795))
_LANTERN = ((-0.006, 0.9), (0.006, 0.9), (0.006, 0.8), (-0.006, 0.8))
_CAP = ((-0.046, 0.9), (0.0, 1.0), (0.046, 0.9))
_BEAM = ((0.0, 0.86), (5.0, 1.24), (5.0, 0.78), (0.0, 0.84))


def _boat(canvas: Canvas) -> None:
    scene, palette = canvas.scene, canvas.scene.palette
    x = canvas.width * (0.34 if scene.light[0] > 0.5 else 0.66)
    y, size = canvas.height * (scene.horizon + 0.11), scene.unit * 8
    for upright, strength in ((-0.55, 0.35), (1.0, 1.0)):  # its reflection first
        hull, sails = canvas.stencil(), canvas.stencil()
        for stencil, outline in ((hull, _HULL), (sails, _MAINSAIL), (sails, _JIB)):
            stencil.polygon((x + across * size, y - up * size * upright) for across, up in outline)
        hull.line([(x, y), (x, y - 2.6 * size * upright)], size * 0.05)
        canvas.paint(sails, mix(_WHITE, palette.light, 0.4), strength)
        canvas.paint(hull, mix(palette.dark, _INK, 0.4), strength)


_HULL = ((-1.0, 0.3), (1.05, 0.34), (0.75, 0.0), (-0.75, 0.0))
_MAINSAIL = (*smooth(((0.09, 0.5), (0.95, 0.5), (0.62, 1.4), (0.09, 2.5))), (0.09, 0.5))
_JIB = (*smooth(((-0.06, 0.55), (-0.78, 0.55), (-0.45, 1.2), (-0.06, 2.1))), (-0.06, 0.55))
