"""Pictures to send, ways to send them, and what they leave behind."""

import json
import struct
import zlib
from io import BytesIO
from typing import Any

import httpx2
from minio import Minio
from PIL import Image as Pillow
from sqlalchemy import text

from app.parts import Parts
from domain.ports import ObjectStore
from storage.discarded import remove_discarded
from storage.objects.files import FileObjects
from storage.objects.s3 import S3Objects
from tests.providers.drawing import encoded, plain
from tests.studio import Client, GraphQLFailure

IMAGE = "id source alias width height mimeType fileSize fileHash storageUrl cdnUrl apiKeyId meta flow { id }"
UPLOAD = (
    f"mutation($input: UploadImageInput!) {{ uploadImage(input: $input) {{ clientMutationId image {{ {IMAGE} }} }} }}"
)
PREFLIGHT = {"GraphQL-Require-Preflight": "1"}
PICTURE = encoded(plain(12, 8, colour=(200, 30, 30)))
OTHER = encoded(plain(12, 8, colour=(30, 30, 200)))


def noise(side: int) -> bytes:
    """A PNG that cannot be packed: three bytes a pixel, about."""
    return encoded(Pillow.merge("RGB", [Pillow.effect_noise((side, side), 90) for _ in range(3)]))


def padded(size_bytes: int) -> bytes:
    """A sound PNG of so many bytes."""
    body = bytes(size_bytes - len(PICTURE) - 12)
    chunk = struct.pack(">I", len(body)) + b"prVt" + body + struct.pack(">I", zlib.crc32(b"prVt" + body))
    return PICTURE[:-12] + chunk + PICTURE[-12:]


async def send_form(
    client: Client,
    operations: Any,
    placed: Any,
    files: dict[str, tuple[str, bytes]],
    headers: dict[str, str] | None = None,
    **fields: str,
) -> httpx2.Response:
    """A form as the GraphQL multipart request specification has it, or nearly so."""
    data = {"operations": _json(operations), "map": _json(placed), **fields}
    given = {name: value for name, value in data.items() if value is not None}
    sent = PREFLIGHT if headers is None else headers
    return await client.http.post("/graphql", data=given, files=files, headers=sent)


def _json(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else json.dumps(value)


async def upload(client: Client, data: bytes = PICTURE, name: str = "kite.png", **given: Any) -> dict[str, Any]:
    """The image; the first error as GraphQLFailure."""
    operations = {"query": UPLOAD, "variables": {"input": {"file": None, **given}}}
    answer = await send_form(client, operations, {"0": ["variables.input.file"]}, {"0": (name, data)})
    told = answer.json()
    if told.get("errors"):
        raise GraphQLFailure(told["errors"])
    image: dict[str, Any] = told["data"]["uploadImage"]["image"]
    return image


async def download(client: Client, url: str) -> Pillow.Image:
    answer = await client.http.get(url)
    assert answer.status_code == 200
    return Pillow.open(BytesIO(answer.content))


def keys_in(parts: Parts, objects: ObjectStore | None = None) -> set[str]:
    """What is in the object store, whoever knows of it."""
    objects = objects or parts.objects
    if isinstance(objects, FileObjects):
        return {str(path.relative_to(objects._root)) for path in objects._root.rglob("*") if path.is_file()}
    assert isinstance(objects, S3Objects)
    client: Minio = objects._client
    return {str(found.object_name) for found in client.list_objects(objects.bucket, recursive=True)}


async def settled(parts: Parts) -> set[str]:
    """What is in the object store once nothing is left that nobody needs."""
    await remove_discarded(parts.engine, parts.objects)
    return keys_in(parts)


async def known_keys(parts: Parts) -> set[str]:
    """What the images say is in the object store."""
    async with parts.engine.connect() as connection:
        return set((await connection.execute(text("SELECT object_key FROM images"))).scalars())


_LATER = (
    text("UPDATE discarded SET due_at = due_at - make_interval(hours => :hours)"),
    text("UPDATE image_uploads SET expires_at = expires_at - make_interval(hours => :hours)"),
)


async def pass_time(parts: Parts, hours: int) -> None:
    """As if everything had been done earlier by so much."""
    async with parts.engine.begin() as connection:
        for statement in _LATER:
            await connection.execute(statement, {"hours": hours})
