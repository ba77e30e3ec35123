"""`GET /status`: a batch as it is now."""

from starlette.requests import Request
from starlette.responses import Response

from domain.permissions import Actor
from rest.api_v1.queries import asked_of
from rest.generate_ai_concept.house import House
from rest.generate_ai_concept.telling import answer, told
from rest.generate_ai_concept.windows import KNOWN, windows_of


async def status(house: House, request: Request, actor: Actor) -> Response:
    asked = asked_of(request, ("batch_id", *KNOWN))
    windows = windows_of(asked)
    here = await house.at_batch(request, actor, asked.get("batch_id"))
    await here.spend(min(here.batch.counts.total, windows.results.most))
    return answer(*await told(here, windows))
