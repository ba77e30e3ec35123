"""What the CDN is measured against: a file by Starlette's FileResponse, and a route that says 304 and nothing else."""

import argparse
from pathlib import Path

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route


def app(folder: Path) -> Starlette:
    async def file(request: Request) -> Response:
        return FileResponse(folder / request.path_params["name"])

    async def known(_: Request) -> Response:
        return Response(status_code=304, headers={"ETag": '"x"', "Cache-Control": "public, max-age=31536000"})

    return Starlette(routes=[Route("/file/{name}", file), Route("/304", known)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int)
    arguments = parser.parse_args()
    config = uvicorn.Config(
        app(arguments.folder), port=arguments.port, http="httptools", access_log=False, log_level="warning"
    )
    uvloop.run(uvicorn.Server(config).serve())
