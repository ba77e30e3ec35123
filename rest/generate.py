"""`POST /generate`: pictures for programs, asked for by one call, and what became of them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from domain.commands import execute
from domain.errors import DomainError, ErrorCode
from domain.generation_jobs import image_ids_of, job_of
from domain.generation_requests import RequestGenerationJob
from domain.images import Image
from domain.permissions import Actor, Permission
from domain.plain import decimal_string, plain
from domain.ports import Begin
from domain.projects import Project
from domain.runs import Run, RunPurpose
from gateway.identity import Identity
from gateway.limits import RateLimited
from gateway.metering import Meter, tell
from gateway.starts import Starts
from rest.commands import command_of
from rest.problems import problem
from rest.repeats import Repeats, as_sent
from rest.waiting import Patience, Waiting, patience_of
from storage.answers import KeptResponse
from storage.idempotency import KeptResponses
from storage.reads import Reads

_POLL_SECONDS = 1
_LOOK_COST = 10
_TAKES = (Permission.RUNS_START, Permission.RUNS_READ, Permission.IMAGES_READ)

Act = Callable[[Request, Actor], Awaitable[Response]]

_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class GenerationJobs:
    """What the routes need of the house."""

    identity: Identity
    begin: Begin
    reads: Reads
    waiting: Waiting
    kept: KeptResponses
    meter: Meter
    starts: Starts
    public_url: str

    def routes(self) -> list[Route]:
        return [
            route
            for path in ("/generate", "/v1/generate")
            for route in (
                Route(path, self._answering(self.request), methods=["POST"]),
                Route(f"{path}/{{id}}", self._answering(self.status), methods=["GET"]),
            )
        ]

    def _answering(self, act: Act) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            trace_id = request.scope["state"]["trace_id"]
            try:
                return await act(request, await self.identity.of_request(request))
            except DomainError as error:
                if isinstance(error, RateLimited):
                    tell(request.scope, error.state)
                return problem(as_sent(error), trace_id)

        return answer

    async def request(self, request: Request, actor: Actor) -> Response:
        """202 with where to look; 200 with the finished thing where it is ready within `Prefer: wait=SECONDS`."""
        await self.meter.request(request.scope, actor)
        for permission in _TAKES:  # what the answer tells takes them too: nothing is begun that could not be told of
            actor.require(permission)
        command = await command_of(request, RequestGenerationJob)
        act = partial(self._requested, command, actor, patience_of(request))
        return await Repeats(self.kept, problem).answer(actor, command, act)

    async def _requested(self, command: RequestGenerationJob, actor: Actor, patience: Patience) -> KeptResponse:
        await self.starts.count(actor, Project, actor.project_meant(command.project_id))
        run = await execute(self.begin, actor, command)
        quoted = decimal_string(run.held + run.cost)
        run = await self.waiting.for_end(run, actor, patience.seconds)
        body = await self._body(run, actor) | {"quote": {"total": quoted}}
        headers = {"Content-Type": _JSON, "Location": body["statusUrl"], **patience.headers}
        return KeptResponse(200 if patience.seconds and run.is_finished else 202, headers, _encoded(body))

    async def status(self, request: Request, actor: Actor) -> Response:
        (await self.meter.spend(actor, _LOOK_COST)).require()
        wanted = {"id": request.path_params["id"], "purpose": RunPurpose.GENERATION_JOB}
        run = await self.reads.one(Run, actor, **wanted)
        if run is None:
            message = "There is no such generation job: check its id, and that it is your organization's"
            raise DomainError(ErrorCode.NOT_FOUND, message)
        headers = {"Cache-Control": "no-store"} | ({} if run.is_finished else {"Retry-After": str(_POLL_SECONDS)})
        return Response(_encoded(await self._body(run, actor)), headers=headers, media_type=_JSON)

    async def _body(self, run: Run, actor: Actor) -> dict[str, Any]:
        ids = image_ids_of(run)
        images = await self.reads.many(Image, actor, id=ids, deleted_at=None) if ids else []
        body: dict[str, Any] = plain(job_of(run, images, self.public_url))
        return body


def _encoded(body: dict[str, Any]) -> str:
    return msgspec.json.encode(body).decode()
