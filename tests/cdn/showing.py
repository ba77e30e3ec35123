"""Pictures in a server's store, and what the outside gets to see of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import Any

import httpx2
from PIL import Image as Pillow
from sqlalchemy import text

from app.settings import Settings
from domain.ids import new_id
from domain.image_commands import UpdateImage
from domain.images import Image, ImageSource
from domain.permissions import operator_actor
from storage.discarded import remove_discarded
from tests.providers.drawing import encoded, quarters
from tests.studio import Client, serving

WIDTH, HEIGHT = 400, 400


@dataclass(frozen=True, slots=True)
class Gallery:
    """A running server with one picture, which nobody needs a key to see."""

    client: Client
    image: Image
    data: bytes

    @property
    def path(self) -> str:
        return f"/cdn/acme/website/img/{self.image.file_name}"

    async def get(self, path: str | None = None, **headers: str) -> httpx2.Response:
        return await self.client.http.get(path or self.path, headers=_spelled(headers))

    async def head(self, path: str | None = None, **headers: str) -> httpx2.Response:
        return await self.client.http.head(path or self.path, headers=_spelled(headers))

    async def execute(self, statement: str, **values: Any) -> list[Any]:
        async with self.client.parts.engine.begin() as connection:
            result = await connection.execute(text(statement), values)
            return list(result) if result.returns_rows else []

    async def stored(self) -> set[str]:
        """The keys of all that is in the store."""
        return {one.key async for page in self.client.parts.objects.walk() for one in page}

    async def tidied(self) -> set[str]:
        """The same, once what was discarded is gone."""
        await remove_discarded(self.client.parts.engine, self.client.parts.objects)
        return await self.stored()

    async def other_bytes(self, data: bytes) -> None:
        """As a generation that is made again: other bytes at another place, by one update of the row."""
        key = f"{self.image.project_id}/{new_id()}.png"
        await self.client.parts.objects.put(key, data, "image/png")
        await self.execute(
            "UPDATE images SET object_key = :key, file_hash = :hash, file_size = :size WHERE id = :id",
            key=key, hash=sha256(data).hexdigest(), size=len(data), id=self.image.id,
        )  # fmt: skip


@asynccontextmanager
async def gallery(settings: Settings, database_url: str, **fields: Any) -> AsyncIterator[Gallery]:
    async with serving(settings, database_url) as client:
        data = encoded(quarters(WIDTH // 2))
        image = await put_picture(client, data, **fields)
        client.http.headers.pop("x-api-key")
        yield Gallery(client, image, data)


async def put_picture(client: Client, data: bytes, **fields: Any) -> Image:
    """An uploaded picture of acme/website."""
    parts, drawn = client.parts, Pillow.open(BytesIO(data))
    organization = await parts.credentials.organization("acme")
    assert organization is not None
    id_ = new_id()
    image = Image(
        **{
            "id": id_,
            "organization_id": organization.id,
            "project_id": client.key.projectId,
            "source": ImageSource.UPLOADED,
            "storage_key": f"{client.key.projectId}/{id_}.png",
            "object_key": f"{client.key.projectId}/{id_}.png",
            "file_name": f"{id_}.png",
            "mime_type": f"image/{str(drawn.format).lower()}",
            "file_size": len(data),
            "file_hash": sha256(data).hexdigest(),
            "width": drawn.width,
            "height": drawn.height,
            **fields,
        }
    )
    await parts.objects.put(image.object_key, data, image.mime_type)
    actor = operator_actor(organization.id)
    async with parts.database.begin(actor, UpdateImage(id=image.id), None) as tx:
        tx.add(image)
    return image


def opened(answer: httpx2.Response) -> Pillow.Image:
    assert answer.status_code == 200, answer.text
    return Pillow.open(BytesIO(answer.content))


def told(answer: httpx2.Response) -> tuple[int, str]:
    """Status and code of a refusal, in the shape that all have."""
    error = answer.json()["error"]
    assert error["message"]
    assert error["traceId"] == answer.headers["x-trace-id"]
    return answer.status_code, error["code"]


def _spelled(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
