"""The request file of the image API, sent as it stands: only the address, the key and real ids are put in."""

import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from PIL import Image

from app.settings import Settings
from rest.api_v1.routes import ROWS
from tests.studio import serving

FILE = Path(__file__).parents[2] / "examples" / "image-api.rest"


@dataclass(frozen=True, slots=True)
class Written:
    """One request of the file."""

    title: str
    method: str
    url: str
    headers: dict[str, str]
    body: str


def requests_of(text: str) -> list[Written]:
    found = []
    for part in text.split("\n### ")[1:]:
        title, _, rest = part.partition("\n")
        head, _, body = rest.partition("\n\n")
        line, *headers = head.splitlines()
        method, _, url = line.partition(" ")
        named = dict(header.split(": ", 1) for header in headers)
        found.append(Written(title, method, url, named, body.strip("\n")))
    return found


def filled(text: str, values: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], text)


async def sent(http: httpx2.AsyncClient, one: Written, values: dict[str, str]) -> httpx2.Response:
    body = filled(one.body, values).encode()
    if "multipart" in one.headers.get("Content-Type", ""):
        body = body.replace(b"\n", b"\r\n").replace(b"< ./image.png", a_picture()) + b"\r\n"
    headers = {name: filled(value, values) for name, value in one.headers.items()}
    return await http.request(
        one.method, quote(filled(one.url, values), safe=":/?&=@+%"), headers=headers, content=body
    )


def a_picture() -> bytes:
    drawn = BytesIO()
    Image.new("RGB", (32, 24), "teal").save(drawn, "PNG")
    return drawn.getvalue()


@pytest.mark.timeout(180)
async def test_every_request_of_the_file_succeeds_in_its_order(settings: Settings, database_url: str) -> None:
    async with serving(settings, database_url) as client, httpx2.AsyncClient(timeout=90) as http:
        values = {"base": client.url, "apiKey": client.key.apiKey}
        for one in requests_of(FILE.read_text()):
            answer = await sent(http, one, values)
            assert answer.status_code == (201 if created(one) else 200), (one.title, answer.text[:300])
            learn(values, one, answer)
            check(one, answer, values)


def created(one: Written) -> bool:
    """Whether this makes something new."""
    return one.method == "POST" and not re.search(r"/(retry|regenerate)$", one.url)


def learn(values: dict[str, str], one: Written, answer: httpx2.Response) -> None:
    match one.title:
        case title if title.startswith("Create a generation"):
            made = answer.json()
            values |= {"generationId": made["id"], "imageId": made["outputImageId"], "flowId": made["flowId"]}
            values["otherImageId"] = made["outputImageId"]


def check(one: Written, answer: httpx2.Response, values: dict[str, str]) -> None:
    """The shape of each answer, field by field where there is one."""
    if "/live?" in one.url or "/cdn/" in one.url:
        assert answer.headers["content-type"] == "image/jpeg"
        assert int(answer.headers["content-length"]) == len(answer.content)
        return
    told: Any = answer.json()
    assert answer.headers["content-type"] == "application/json"
    if one.method == "GET" and "data" in told:
        assert list(told["pagination"]) == ["limit", "offset", "total", "hasMore"]
        assert (told["pagination"]["limit"], told["pagination"]["offset"]) == (20, 0)
    if one.method == "DELETE" and "aliases" not in one.url:
        assert list(told) == ["id", "deleted"]
    if one.title.startswith(("Create a generation", "One generation", "Another prompt", "Make its image")):
        assert list(told)[:18] == GENERATION
        assert (told["status"], told["errorMessage"], told["cost"]) == ("success", None, None)
        assert list(told["outputImage"])[: len(IMAGE)] == IMAGE
        assert told["outputImageId"] == values["imageId"]
    if one.title.startswith(("One image", "Upload", "What is known")):
        assert list(told)[: len(IMAGE)] == IMAGE


GENERATION = [
    "id", "projectId", "prompt", "originalPrompt", "autoEnhance", "aspectRatio", "status", "outputImageId",
    "outputImage", "referenceImages", "flowId", "processingTimeMs", "cost", "retryCount", "errorMessage", "meta",
    "createdAt", "updatedAt",
]  # fmt: skip
IMAGE = [
    "id", "projectId", "flowId", "storageKey", "storageUrl", "mimeType", "fileSize", "width", "height", "source",
    "alias", "focalPoint", "fileHash", "generationId", "apiKeyId", "meta", "createdAt", "updatedAt", "deletedAt",
]  # fmt: skip


def test_the_file_names_every_address_of_the_api() -> None:
    found = requests_of(FILE.read_text())
    written = [(one.method, one.url.partition("?")[0].removeprefix("{{base}}/api/v1")) for one in found]
    for row in ROWS:
        path = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(row.path))
        assert any(method == row.method and re.fullmatch(path, url) for method, url in written), (row.method, row.path)
