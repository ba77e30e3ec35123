"""POST /upload/image and GET /view."""

from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

from PIL import Image
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from tests.servers.comfyui_behaviours import Behaviour
from tests.servers.comfyui_folders import KINDS, OutsideError, annotated
from tests.servers.comfyui_state import ComfyState

FORCED_DOWNLOADS = {".html", ".htm", ".js", ".css", ".svg"}
CHUNK_BYTES = 64 * 1024


class CutError(Exception):
    """The connection is to be closed in the middle of an answer."""


async def post_upload(request: Request) -> Response:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return Response(status_code=400)
    async with request.form() as form:
        upload = form.get("image")
        if not isinstance(upload, UploadFile):
            return Response(status_code=400)
        kind, subfolder = str(form.get("type", "input")), str(form.get("subfolder", ""))
        overwrites = form.get("overwrite") in {"true", "1"}
        return _store(request, upload.filename or "", await upload.read(), kind, subfolder, overwrites=overwrites)


async def get_view(request: Request) -> Response:
    state: ComfyState = request.app.state.comfy
    wanted = request.query_params
    if "filename" not in wanted:
        return Response(status_code=404)
    name, kind = annotated(wanted["filename"], wanted.get("type", "output"))
    if not name or name.startswith("/") or ".." in name or kind not in KINDS:
        return Response(status_code=400)
    subfolder = wanted.get("subfolder", "")
    try:
        path = state.folders.inside(kind, subfolder, Path(name).name)
    except OutsideError:
        return Response(status_code=403)
    if behaviour := state.orders.files.get((kind, subfolder, path.name)):
        return _misbehave(request, behaviour, path)
    return _answer(request, path) if path.is_file() else Response(status_code=404)


def _store(request: Request, name: str, content: bytes, kind: str, subfolder: str, *, overwrites: bool) -> Response:
    """500 comes of what the real one did not foresee: no name, an unknown type, a directory in the name."""
    state: ComfyState = request.app.state.comfy
    if not name or kind not in KINDS:
        raise ValueError(f"{name!r} {kind!r}")
    try:
        directory = state.folders.inside(kind, subfolder)
        state.folders.inside(kind, subfolder, "x" if name.startswith("/") else name)
    except OutsideError:
        return Response(status_code=400)
    directory.mkdir(parents=True, exist_ok=True)
    if "/" in name:
        raise FileNotFoundError(name)
    path = directory / name if overwrites else _free(directory, name, content)
    path.write_bytes(content)
    return JSONResponse({"name": path.name, "subfolder": subfolder, "type": kind})


def _free(directory: Path, name: str, content: bytes) -> Path:
    """The name, or `name (1)` and so on, until one is free or holds just these bytes."""
    path, copies = directory / name, 0
    while path.exists() and path.read_bytes() != content:
        copies += 1
        path = directory / f"{Path(name).stem} ({copies}){Path(name).suffix}"
    return path


def _answer(request: Request, path: Path) -> Response:
    headers = {"Content-Disposition": f'filename="{path.name}"'}
    if preview := request.query_params.get("preview"):
        return _preview(path, preview, headers)
    if channel := request.query_params.get("channel"):
        return _channel(path, channel, headers)
    forced = "application/octet-stream" if path.suffix in FORCED_DOWNLOADS else None
    return FileResponse(path, media_type=forced, headers=headers)


def _preview(path: Path, wanted: str, headers: dict[str, str]) -> Response:
    image_format, _, quality = wanted.partition(";")
    written = BytesIO()
    with Image.open(path) as picture:
        shown = picture.convert("RGB") if image_format == "jpeg" else picture
        shown.save(written, image_format, quality=int(quality or 90))
    return Response(written.getvalue(), media_type=f"image/{image_format}", headers=headers)


def _channel(path: Path, channel: str, headers: dict[str, str]) -> Response:
    written = BytesIO()
    with Image.open(path) as picture:
        (picture.convert("RGB") if channel == "rgb" else picture.convert("RGBA").getchannel("A")).save(written, "PNG")
    return Response(written.getvalue(), media_type="image/png", headers=headers)


def _misbehave(request: Request, behaviour: Behaviour, path: Path) -> Response:
    content = path.read_bytes()
    if behaviour.name == "wrong-file":
        return Response(status_code=404)
    if behaviour.name == "not-an-image":
        return Response(b"no picture at all " * 64, media_type="image/png")
    if behaviour.name == "huge-file":
        return StreamingResponse(_endless(content, behaviour.size_bytes), media_type="image/png")
    headers = {"Content-Length": str(len(content))}
    return StreamingResponse(_half(content), media_type="image/png", headers=headers)


async def _half(content: bytes) -> AsyncIterator[bytes]:
    yield content[: len(content) // 2]
    raise CutError


async def _endless(content: bytes, size_bytes: int) -> AsyncIterator[bytes]:
    """Starts as a picture does, and its length is not announced."""
    yield content
    for _ in range(len(content), size_bytes, CHUNK_BYTES):
        yield bytes(CHUNK_BYTES)
