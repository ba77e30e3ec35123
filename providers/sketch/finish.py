"""The last coats: falling snow and rain, bloom, vignette and grain, and the file itself."""

from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageChops
from PIL.PngImagePlugin import PngInfo

from providers.sketch.brush import Canvas, blurred, faded
from providers.sketch.colour import mix
from providers.sketch.words import Place, Thing


def finish(canvas: Canvas) -> None:
    things = canvas.scene.things
    if canvas.scene.place is not Place.STUDIO:
        if Thing.RAIN in things:
            _rain(canvas)
        if Thing.SNOW in things:
            _snowfall(canvas)
    _bloom(canvas)
    _vignette(canvas)
    _grain(canvas)


def encode(image: Image.Image) -> bytes:
    """A PNG that says what it is, and nothing of what was asked for: whoever sees it is not whoever asked."""
    text = PngInfo()
    text.add_text("Software", "Easel sketch")
    text.add_text("Comment", "Drawn by Easel's built-in sketch provider; not an AI model")
    encoded = BytesIO()
    image.save(encoded, "PNG", pnginfo=text, compress_level=4)
    return encoded.getvalue()


def _snowfall(canvas: Canvas) -> None:
    chance, unit = canvas.scene.chance("snowfall"), canvas.scene.unit
    for count, size, strength in ((260, 0.16, 0.7), (90, 0.34, 0.75), (22, 0.85, 0.4)):
        stencil = canvas.stencil()
        for _ in range(round(count * max(canvas.size) / min(canvas.size))):
            radius = unit * size * chance.uniform(0.6, 1.4)
            stencil.ellipse(chance.uniform(0, canvas.width), chance.uniform(0, canvas.height), radius, radius)
        mask = stencil.mask() if size < 0.5 else blurred(stencil.mask(), unit * 0.6)
        canvas.image.paste((255, 255, 255), (0, 0), faded(mask, strength))


def _rain(canvas: Canvas) -> None:
    chance, unit = canvas.scene.chance("rain"), canvas.scene.unit
    stencil = canvas.stencil()
    for _ in range(round(380 * max(canvas.size) / min(canvas.size))):
        x, y, length = (
            chance.uniform(0, canvas.width),
            chance.uniform(-40, canvas.height),
            unit * chance.uniform(1.5, 6),
        )
        stencil.line([(x, y), (x - length * 0.2, y + length)], 0.5, chance.randint(50, 170))
    canvas.paint(stencil, mix(canvas.scene.palette.low, (255, 255, 255), 0.5), 0.6)


def _bloom(canvas: Canvas) -> None:
    """Light spills over from the brightest parts."""
    small = canvas.image.reduce(4).point([max(0, value - 190) for value in range(256)] * 3)
    spill = blurred(small, canvas.scene.unit * 0.9).resize(canvas.size, Image.Resampling.BICUBIC)
    canvas.image = ImageChops.screen(canvas.image, spill)


def _vignette(canvas: Canvas) -> None:
    canvas.image.paste(mix(canvas.scene.palette.dark, (6, 4, 16), 0.6), (0, 0), _edge(canvas.size))


@lru_cache(maxsize=4)  # a megabyte each
def _edge(size: tuple[int, int]) -> Image.Image:
    return Image.radial_gradient("L").point([round(max(0, value - 110) * 0.5) for value in range(256)]).resize(size)


def _grain(canvas: Canvas) -> None:
    """Three levels of noise either way: hides the steps of eight-bit gradients and looks like paper."""
    grain = canvas.speckle.point([round(value * 7 / 255) for value in range(256)])
    canvas.image = ImageChops.add(canvas.image, Image.merge("RGB", (grain, grain, grain)), 1, -3)
