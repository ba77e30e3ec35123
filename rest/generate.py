"""`POST /generate`: pictures for programs, asked for by one call, and what became of them."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
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
from rest.commands import IDEMPOTENCY_KEY, command_of
from rest.problems import problem
from storage.answers import KeptResponse
from storage.idempotency import KeptResponses, is_final
from storage.reads import Reads
from streams.feeds import Hub
from streams.runs import end_of

LONGEST_WAIT_SECONDS = 60
_POLL_SECONDS = 1
_LOOK_COST = 10
_TAKES = (Permission.RUNS_START, Permission.RUNS_READ, Permission.IMAGES_READ)

Act = Callable[[Request, Actor], Awaitable[Response]]

_WAIT = re.compile(r'(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})"?(?=$|[,;\s])', re.IGNORECASE)
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class GenerationJobs:
    """What the routes need of the house."""

    identity: Identity
    begin: Begin
    reads: Reads
    hub: Hub
    kept: KeptResponses
    meter: Meter
    starts: Starts
    stopping: asyncio.Event
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
                return problem(_named(error), trace_id)

        return answer

    async def request(self, request: Request, actor: Actor) -> Response:
        """202 with where to look; 200 with the finished thing where it is ready within `Prefer: wait=SECONDS`."""
        await self.meter.request(request.scope, actor)
        for permission in _TAKES:  # what the answer tells takes them too: nothing is begun that could not be told of
            actor.require(permission)
        command = await command_of(request, RequestGenerationJob)
        if command.client_mutation_id is None:
            return _response(await self._requested(command, actor, _wait_of(request)))
        kept = await self.kept.find(actor, command)
        if kept is None:
            kept = await self.kept.keep(actor, command, await self._answered(command, actor, _wait_of(request)))
        return _response(kept)

    async def _answered(self, command: RequestGenerationJob, actor: Actor, wait_seconds: int) -> KeptResponse:
        """A refusal is an answer too, where the command is refused for good."""
        try:
            return await self._requested(command, actor, wait_seconds)
        except DomainError as error:
            if not is_final(error):
                raise
            refused = problem(_named(error), actor.trace_id)
            return KeptResponse(refused.status_code, dict(refused.headers), bytes(refused.body).decode())

    async def _requested(self, command: RequestGenerationJob, actor: Actor, wait_seconds: int) -> KeptResponse:
        await self.starts.count(actor, Project, actor.project_meant(command.project_id))
        run = await execute(self.begin, actor, command)
        quoted = decimal_string(run.held + run.cost)
        if wait_seconds and not run.is_finished:
            run = await self._waited(run, actor, wait_seconds)
        body = await self._body(run, actor) | {"quote": {"total": quoted}}
        headers = {"Content-Type": _JSON, "Location": body["statusUrl"]}
        if wait_seconds:
            headers["Preference-Applied"] = f"wait={wait_seconds}"
        return KeptResponse(200 if wait_seconds and run.is_finished else 202, headers, _encoded(body))

    async def _waited(self, run: Run, actor: Actor, seconds: int) -> Run:
        """The run at its end, or as it is when there is no more time, or this server stops."""
        ending = asyncio.ensure_future(end_of(run, self.hub, self.reads, actor))
        stopping = asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait({ending, stopping}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            return ending.result() if ending.done() else await self.reads.one(Run, actor, id=run.id) or run
        finally:
            ending.cancel()
            stopping.cancel()

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


def _wait_of(request: Request) -> int:
    """The seconds of `Prefer: wait` (RFC 7240), up to a minute; 0 where nothing was preferred."""
    found = _WAIT.search(", ".join(request.headers.getlist("prefer")))
    return min(int(found[1]), LONGEST_WAIT_SECONDS) if found else 0


def _named(error: DomainError) -> DomainError:
    """The field as this caller wrote it."""
    if error.code is ErrorCode.CONFLICT and error.details.get("field") == "clientMutationId":
        return DomainError(error.code, error.message, **{**error.details, "field": IDEMPOTENCY_KEY})
    return error


def _encoded(body: dict[str, Any]) -> str:
    return msgspec.json.encode(body).decode()


def _response(kept: KeptResponse) -> Response:
    return Response(kept.body, kept.status, kept.headers)
