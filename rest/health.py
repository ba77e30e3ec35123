"""Whether this server can do its work, for those who watch over it."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


def health_routes(ask_database: Callable[[], Awaitable[object]]) -> list[Route]:
    async def alive(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> JSONResponse:
        await ask_database()
        return JSONResponse({"status": "ok"})

    return [Route("/health/live", alive), Route("/health/ready", ready)]
