"""What the routes need of the house, and where one request stands in it."""

from dataclasses import dataclass

from starlette.requests import Request

from domain.errors import DomainError, ErrorCode
from domain.ids import Id
from domain.permissions import Actor
from domain.ports import Begin
from gateway.identity import Identity
from gateway.metering import Meter
from gateway.starts import Starts
from gateway.uploads import Uploads
from rest.commands import PROJECT
from rest.live import LiveUrls
from rest.repeats import Repeats
from rest.waiting import Waiting
from storage.reads import Place, Reads

PREFIX = "/api/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    identity: Identity
    begin: Begin
    reads: Reads
    waiting: Waiting
    repeats: Repeats
    meter: Meter
    starts: Starts
    live: LiveUrls
    uploads: Uploads
    public_url: str

    async def enter(self, request: Request) -> Actor:
        """Who asks; each request counts in their hour, whatever becomes of it."""
        actor = await self.identity.of_request(request)
        await self.meter.request(request.scope, actor)
        return actor

    async def here(self, request: Request, actor: Actor, project: object = None) -> "Here":
        """
        In the project that the body, `X-Project-Id` or the key names. Raises PROJECT_NOT_FOUND.

        Whatever is done here takes the right to look at images, which the answers tell of.
        """
        named = project if isinstance(project, str) else request.headers.get(PROJECT)
        place = await self.reads.place_of(actor, actor.project_meant(Id(named) if named else None))
        if place is None:
            message = "There is no such project: check its id, and that it is your organization's"
            raise DomainError(ErrorCode.PROJECT_NOT_FOUND, message, field="projectId")
        return Here(self, request, actor.within(place.project_id), place)


@dataclass(frozen=True, slots=True)
class Here:
    """One request in its project: for its actor there is no other."""

    house: House
    request: Request
    actor: Actor
    place: Place

    @property
    def reads(self) -> Reads:
        return self.house.reads

    def url(self, path: str) -> str:
        return f"{self.house.public_url}{path}"
