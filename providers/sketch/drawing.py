"""A whole sketch: the scene is planned, each part is painted from back to front, and the coats are put on."""

from collections.abc import Callable

from PIL import Image

from providers.sketch.brush import Canvas
from providers.sketch.buildings import paint_buildings
from providers.sketch.city import paint_city
from providers.sketch.figures import paint_figures
from providers.sketch.finish import finish
from providers.sketch.land import paint_dunes, paint_hills, paint_mountains
from providers.sketch.plants import paint_forest, paint_plants
from providers.sketch.scene import Scene
from providers.sketch.shapes import paint_studio, paint_waves
from providers.sketch.sky import paint_sky
from providers.sketch.water import paint_sea, paint_water
from providers.sketch.words import Place, Thing

_PLACES: dict[Place, Callable[[Canvas], None]] = {
    Place.HILLS: paint_hills,
    Place.MOUNTAINS: paint_mountains,
    Place.SEA: paint_sea,
    Place.FOREST: paint_forest,
    Place.CITY: paint_city,
    Place.DESERT: paint_dunes,
    Place.STUDIO: paint_studio,
    Place.WAVES: paint_waves,
}

_SHORES = {Place.MOUNTAINS: 0.0, Place.HILLS: 0.2, Place.FOREST: 0.26}  # how far below the horizon a lake begins


def draw(scene: Scene) -> Image.Image:
    canvas = Canvas(scene)
    if scene.place is not Place.STUDIO:
        paint_sky(canvas)
    _PLACES[scene.place](canvas)
    if scene.place not in {Place.STUDIO, Place.WAVES}:
        if Thing.WATER in scene.things and scene.place in _SHORES:
            paint_water(canvas, round(canvas.height * (scene.horizon + _SHORES[scene.place])), tint=0.4)
        paint_buildings(canvas)
        paint_plants(canvas)
        paint_figures(canvas)
    finish(canvas)
    return canvas.image
