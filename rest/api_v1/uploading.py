"""`POST /images/upload`: a picture in a form becomes an image of the project."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from domain.permissions import Actor
from rest.api_v1 import shapes
from rest.api_v1.house import House
from rest.uploads import ImageForms


async def upload(house: House, request: Request, actor: Actor, status: int, /) -> Response:
    here = await house.here(request, actor)
    shape = partial(shapes.image, place=here.place, public_url=house.public_url)
    return await ImageForms(house.uploads, house.repeats, shape).upload(request, here.actor)
