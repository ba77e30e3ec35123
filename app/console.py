"""GraphiQL, served from our own files: no other origin is asked for anything."""

import os
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "worker-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",  # the editor writes its theme and its measures as inline styles
    "connect-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self' data:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
# What no page of ours asks a browser for, so that nothing that got into one could.
_UNUSED = ("camera", "display-capture", "geolocation", "microphone", "payment", "serial", "usb")
_PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "; ".join(f"{directive} {sources}" for directive, sources in _POLICY.items()),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _UNUSED),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers that do not know `frame-ancestors`
}
# Names carry a hash of the content, so what was fetched once never changes.
_ASSET_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
# Said here because the operating system's own table may lack or misname them.
_MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".woff2": "font/woff2",
}
_RETRY_SECONDS = 5
_ABSENT_PAGE = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="{_RETRY_SECONDS}">
<title>GraphiQL · Easel</title>
<style>body {{ max-width: 34rem; margin: 20vh auto; padding: 0 1rem; font: 1rem/1.6 system-ui, sans-serif }}</style>
<h1>Almost there</h1>
<p>GraphiQL is not built yet. If Easel has just started, it is being built now and appears here by itself.</p>
<p>Otherwise build it with <code>./easel console</code>. Everything else already works:
send GraphQL to <code>POST /graphql</code>.</p>
</html>
"""


def console_routes(dist: Path) -> list[BaseRoute]:
    """The routes of GraphiQL built into `dist`, which may appear, or be replaced, while they serve."""

    def graphiql(_: Request) -> Response:
        return graphiql_page(dist)

    return [Route("/graphiql", graphiql), Mount("/console/assets", ConsoleAssets(dist / "assets"))]


def graphiql_page(dist: Path) -> Response:
    """GraphiQL, or how to get it."""
    try:
        return HTMLResponse((dist / "graphiql.html").read_bytes(), headers=_PAGE_HEADERS)
    except FileNotFoundError:
        return HTMLResponse(_ABSENT_PAGE, 503, {**_PAGE_HEADERS, "Retry-After": str(_RETRY_SECONDS)})


class ConsoleAssets(StaticFiles):
    """The scripts, styles and fonts of the console."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory, check_dir=False)

    async def check_config(self) -> None:
        """Nothing to check: a console that is not built yet has no files, which is no fault of the configuration."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        media_type = _MEDIA_TYPES.get(Path(full_path).suffix)
        response = FileResponse(full_path, status_code, _ASSET_HEADERS, media_type, stat_result=stat_result)
        if self.is_not_modified(response.headers, Headers(scope=scope)):
            return NotModifiedResponse(response.headers)
        return response
