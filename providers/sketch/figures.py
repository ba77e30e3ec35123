"""Those who look at the picture with us: animals and people, seen from behind on a knoll of their own."""

from PIL import Image, ImageChops

from providers.sketch.brush import Canvas, Point, Stencil, blurred, faded
from providers.sketch.colour import Colour, mix
from providers.sketch.outline import Outline, mirrored, placed, smooth, stroke
from providers.sketch.words import Thing

_INK = (14, 10, 24)
_EMBER = (224, 122, 52)

# Half outlines from the top down, x to the right of the middle, y upwards, one unit tall.
_ANIMAL_BODY: Outline = (
    (0.0, 0.72),
    (0.13, 0.68),
    (0.18, 0.52),
    (0.245, 0.34),
    (0.29, 0.16),
    (0.27, 0.03),
    (0.2, 0.0),
    (0.0, 0.0),
)
_CAT_HEAD: Outline = ((0.0, 0.86), (0.06, 0.87), (0.155, 1.0), (0.175, 0.8), (0.185, 0.72), (0.13, 0.62), (0.0, 0.59))
_FOX_HEAD: Outline = ((0.0, 0.9), (0.075, 0.895), (0.175, 1.07), (0.2, 0.86), (0.255, 0.73), (0.15, 0.65), (0.0, 0.58))
_COAT: Outline = ((0.0, 0.84), (0.05, 0.835), (0.11, 0.8), (0.14, 0.62), (0.165, 0.4), (0.175, 0.3), (0.0, 0.285))
_LEGS: Outline = ((0.015, 0.32), (0.105, 0.32), (0.09, 0.02), (0.11, 0.0), (0.02, 0.0))


def paint_figures(canvas: Canvas) -> None:
    scene, things = canvas.scene, canvas.scene.things
    if not things & {Thing.CAT, Thing.FOX, Thing.PERSON}:
        return
    x = canvas.width * (0.36 if scene.light[0] > 0.5 else 0.64)
    ground = canvas.height * 0.88
    knoll = canvas.stencil(ground - scene.unit * 4)
    rise = [(px, ground + ((px - x) / canvas.width) ** 2 * scene.unit * 34) for px in range(-8, canvas.width + 9, 8)]
    knoll.polygon([*rise, (canvas.width + 8, canvas.height), (-8, canvas.height)])
    near = scene.palette.floor
    canvas.fill(knoll, mix(near, scene.palette.light, 0.1), mix(near, _INK, 0.3))
    rim = canvas.stencil(ground - scene.unit * 4)
    rim.line(rise, 1.2)
    canvas.paint(rim, mix(near, scene.palette.light, 0.6), 0.6)
    if Thing.PERSON in things:
        _person(canvas, (x, ground + scene.unit), scene.unit * 27)
        x -= scene.unit * 15
    if Thing.FOX in things:
        _fox(canvas, (x, ground + scene.unit), scene.unit * 20)
        x -= scene.unit * 17
    if Thing.CAT in things:
        _cat(canvas, (x, ground + scene.unit), scene.unit * 19)


def _cat(canvas: Canvas, foot: Point, tall: float) -> None:
    colour = mix(canvas.scene.palette.dark, _INK, 0.72)
    stencil = canvas.stencil()
    stencil.polygon(placed(mirrored(_ANIMAL_BODY), foot, tall))
    stencil.polygon(placed(mirrored(_CAT_HEAD), foot, tall))
    tail = smooth([(0.2, 0.05), (0.38, 0.02), (0.52, 0.1), (0.5, 0.24), (0.42, 0.3)])
    stroke(stencil, placed(tail, foot, tall), tall * 0.035)
    _standing(canvas, stencil, foot, tall, colour)


def _fox(canvas: Canvas, foot: Point, tall: float) -> None:
    palette = canvas.scene.palette
    coat = mix(mix(_EMBER, palette.accent, 0.15), palette.sky[0], 0.5 if canvas.scene.dark else 0.1)
    brush, tip, body = canvas.stencil(), canvas.stencil(), canvas.stencil()
    plume = [
        (-0.16, 0.04),
        (-0.34, -0.02),
        (-0.56, 0.04),
        (-0.72, 0.2),
        (-0.76, 0.44),
        (-0.6, 0.34),
        (-0.46, 0.3),
        (-0.3, 0.24),
    ]
    brush.polygon(placed(smooth([*plume, plume[0]]), foot, tall))
    tip.polygon(
        placed(
            smooth([(-0.66, 0.15), (-0.8, 0.3), (-0.76, 0.46), (-0.6, 0.37), (-0.62, 0.27), (-0.66, 0.15)]), foot, tall
        )
    )
    _standing(canvas, brush, foot, tall, mix(coat, palette.near, 0.14))
    canvas.paint(tip, mix((250, 244, 236), palette.sky[1], 0.25), inside=brush)
    body.polygon(placed(mirrored(_ANIMAL_BODY), foot, tall))
    body.polygon(placed(mirrored(_FOX_HEAD), foot, tall))
    _standing(canvas, body, foot, tall, coat)
    for side in (-1, 1):
        ear = canvas.stencil()
        ear.polygon(placed([(side * 0.1, 0.9), (side * 0.172, 1.04), (side * 0.178, 0.88)], foot, tall))
        canvas.paint(ear, mix(coat, _INK, 0.7))


def _person(canvas: Canvas, foot: Point, tall: float) -> None:
    palette = canvas.scene.palette
    cloth = mix(palette.dark, _INK, 0.6)
    body, scarf, head = canvas.stencil(), canvas.stencil(), canvas.stencil()
    body.polygon(placed(mirrored(_COAT), foot, tall))
    for side in (-1, 1):
        body.polygon(placed([(side * x, y) for x, y in _LEGS], foot, tall))
    _standing(canvas, body, foot, tall, cloth)
    head.ellipse(foot[0], foot[1] - tall * 0.915, tall * 0.062, tall * 0.075)
    canvas.paint(head, mix(cloth, (70, 42, 30), 0.35))
    scarf.polygon(
        placed(
            smooth(
                [(-0.075, 0.83), (0.0, 0.865), (0.075, 0.83), (0.06, 0.8), (0.0, 0.79), (-0.06, 0.8), (-0.075, 0.83)]
            ),
            foot,
            tall,
        )
    )
    scarf.polygon(placed([(0.03, 0.82), (0.2, 0.74), (0.27, 0.68), (0.2, 0.66), (0.05, 0.78)], foot, tall))
    canvas.paint(scarf, palette.accent)


def _standing(canvas: Canvas, stencil: Stencil, foot: Point, tall: float, colour: Colour) -> None:
    """A body with a thin edge of light on the side it comes from and a soft shadow at its feet."""
    palette = canvas.scene.palette
    shadow = canvas.stencil()
    shadow.ellipse(foot[0], foot[1], tall * 0.4, tall * 0.035)
    canvas.image.paste(_INK, (0, 0), faded(blurred(shadow.mask(), tall * 0.04), 0.3))
    canvas.paint(stencil, mix(colour, palette.light, 0.5))
    side = -1 if canvas.scene.light[0] > 0.5 else 1
    mask = stencil.mask()
    inner = mask.transform(mask.size, Image.Transform.AFFINE, (1, 0, side * tall * 0.012, 0, 1, -tall * 0.008))
    canvas.image.paste(colour, (0, stencil.top), ImageChops.multiply(mask, inner))
