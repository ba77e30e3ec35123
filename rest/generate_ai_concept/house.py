"""What the routes need of the house, and where one request stands in it."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.ids import Id, parse_id
from domain.permissions import Actor
from domain.ports import Begin, ObjectStore
from domain.projects import Project
from domain.shots.batch import ShotBatch
from domain.shots.shot import Shot
from gateway.identity import Identity
from gateway.metering import Meter
from gateway.starts import Starts
from gateway.uploads import Uploads
from rest.commands import PROJECT
from rest.repeats import Repeats
from storage.missing import not_found
from storage.reads import Place, Reads
from storage.shot_pictures import ShotPictures

PREFIX = "/api/generate_ai_concept"
LOOK_COST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    identity: Identity
    begin: Begin
    reads: Reads
    pictures: ShotPictures
    repeats: Repeats
    meter: Meter
    starts: Starts
    uploads: Uploads
    objects: ObjectStore
    public_url: str

    async def enter(self, request: Request) -> Actor:
        actor = await self.identity.of_request(request)
        await self.spend(actor, LOOK_COST)
        return actor

    async def spend(self, actor: Actor, cost: int) -> None:
        """Take it from the actor's minute. Raises RATE_LIMITED where it is used up."""
        (await self.meter.spend(actor, cost)).require()

    async def here(self, request: Request, actor: Actor, project: object = None) -> "Here":
        """In the project that is named by its id or slug, here or by `X-Project-Id`, or that the key stands for."""
        named = project if project is not None else request.headers.get(PROJECT)
        if named is not None and not isinstance(named, str):
            raise InvalidInput("project_id must be the id or the slug of a project", field="project_id")
        id_ = parse_id(named) if named else actor.project_meant(None)
        place = await self._place(actor, id_, named)
        if place is None:
            message = "There is no such project: check its id or slug, and that it is your organization's"
            raise DomainError(ErrorCode.PROJECT_NOT_FOUND, message, field="project_id")
        return Here(self, request, actor.within(place.project_id), place)

    async def _place(self, actor: Actor, id_: Id | None, slug: str | None) -> Place | None:
        if id_ is not None:
            return await self.reads.place_of(actor, id_)
        return await self.reads.place_of(actor, slug=slug) if slug else None

    async def at_batch(self, request: Request, actor: Actor, batch_id: object) -> "AtBatch":
        """At the batch of this id. Raises BATCH_NOT_FOUND."""
        if batch_id is None or batch_id == "":
            raise InvalidInput("Batch id is required", field="batch_id")
        id_ = parse_id(batch_id) if isinstance(batch_id, str) else None
        batch = await self.reads.one(ShotBatch, actor, id=id_) if id_ is not None else None
        if batch is None:
            raise not_found(ShotBatch)
        here = await self.here(request, actor, batch.project_id)
        return AtBatch(here.house, request, here.actor, here.place, batch)


@dataclass(frozen=True, slots=True)
class Here:
    """One request in its project: for its actor there is no other."""

    house: House
    request: Request
    actor: Actor
    place: Place

    def url(self, path: str) -> str:
        return f"{self.house.public_url}{path}"

    async def at(self, batch_id: Id) -> "AtBatch":
        """At the batch as it is now."""
        return await self.house.at_batch(self.request, self.actor, batch_id)

    async def spend(self, cost: int) -> None:
        """Take it from the actor's minute. Raises RATE_LIMITED where it is used up."""
        await self.house.spend(self.actor, cost)

    async def count_start(self) -> None:
        await self.house.starts.count(self.actor, Project, self.place.project_id)


@dataclass(frozen=True, slots=True)
class AtBatch(Here):
    batch: ShotBatch

    async def shot(self, sequence: Any, plan: Any) -> Shot:
        """The shot of this sequence and plan. Raises SHOT_NOT_FOUND."""
        for value, name in ((sequence, "sequence_id"), (plan, "plan")):
            if not isinstance(value, str) or not value:
                raise InvalidInput(f"Name the shot by both sequence_id and plan: {name} is missing", field=name)
        wanted = {"batch_id": self.batch.id, "sequence": sequence, "plan": plan}
        found = await self.house.reads.one(Shot, self.actor, **wanted)
        if found is None:
            raise not_found(Shot)
        return found
