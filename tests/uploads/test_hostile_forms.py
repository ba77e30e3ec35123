"""Forms at /graphql: only from those who may send headers, and whatever is wrong with them is the caller's fault."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx2
import pytest

from tests.studio import Client
from tests.uploads.sending import OTHER, PICTURE, PREFLIGHT, UPLOAD, keys_in, padded, send_form, upload

PLACED = {"0": ["variables.input.file"]}
FILES = {"0": ("kite.png", PICTURE)}
BOUNDARY = b"--x"
HEARTBEAT_SECONDS = 0.01


pytestmark = pytest.mark.parametrize("settings", ["files"], indirect=True)


def asked(**given: Any) -> dict[str, Any]:
    return {"query": UPLOAD, "variables": {"input": {"file": None, **given}}}


@pytest.fixture(autouse=True)
def _no_traceback_is_logged(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    printed = capfd.readouterr()
    assert "Traceback" not in printed.out + printed.err


async def test_a_form_that_a_page_could_send_without_asking_is_refused(client: Client) -> None:
    answer = await send_form(client, asked(), PLACED, FILES, headers={})
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert "GraphQL-Require-Preflight" in answer.json()["errors"][0]["message"]
    assert keys_in(client.parts) == set()
    answer = await send_form(client, asked(), PLACED, FILES, headers={"Apollo-Require-Preflight": "true"})
    assert answer.json()["data"]["uploadImage"]["image"]["width"] == 12


MALFORMED: dict[str, tuple[Any, Any, Any]] = {
    "no operations": (None, PLACED, FILES),
    "no map": (asked(), None, FILES),
    "operations that are no JSON": ("{", PLACED, FILES),
    "operations of bad depth": ("[" * 50_000, PLACED, FILES),
    "a batch": ([asked()], {"0": ["0.variables.input.file"]}, FILES),
    "operations that are null": ("null", PLACED, FILES),
    "operations with a number of 5,000 digits": ('{"query":"{a}","variables":{"a":%s}}' % ("1" * 5_000), PLACED, FILES),
    "a map that is a list": (asked(), ["variables.input.file"], FILES),
    "a map of texts": (asked(), {"0": "variables.input.file"}, FILES),
    "a map of numbers": (asked(), {"0": [1]}, FILES),
    "a map to two places": (asked(), {"0": ["variables.input.file"] * 2}, FILES),
    "a map to no place": (asked(), {"0": []}, FILES),
    "a place outside the variables": (asked(), {"0": ["query"]}, FILES),
    "a place in the query": (asked(), {"0": ["query.0"]}, FILES),
    "a place that is not there": (asked(), {"0": ["variables.input.nothing"]}, FILES),
    "a place that is no null": (asked(alias="@a"), {"0": ["variables.input.alias"]}, FILES),
    "a place inside a text": (asked(alias="@a"), {"0": ["variables.input.alias.0"]}, FILES),
    "a place in a list beyond its end": (asked(meta=[None]), {"0": ["variables.input.meta.7"]}, FILES),
    "a negative place": (asked(meta=[None]), {"0": ["variables.input.meta.-1"]}, FILES),
    "a place of an odd digit": (asked(meta=[None]), {"0": ["variables.input.meta.²"]}, FILES),
    "a place too deep": (asked(), {"0": [".".join(["variables"] * 5_000)]}, FILES),
    "dunder": (asked(), {"0": ["variables.__class__"]}, FILES),
    "a file that nobody sent": (asked(), {"1": ["variables.input.file"]}, FILES),
    "a file without a place": (asked(), {}, FILES),
    "one file too many": (asked(), PLACED, {**FILES, "1": ("b.png", OTHER)}),
    "one name for two files": (asked(), PLACED, [("0", ("a.png", PICTURE)), ("0", ("b.png", OTHER))]),
    "200 files": (asked(), PLACED, {str(n): ("a.png", b"x") for n in range(200)}),
}


async def test_a_malformed_form_is_refused_with_400(client: Client) -> None:
    for name, (operations, placed, files) in MALFORMED.items():
        answer = await send_form(client, operations, placed, files)
        _require_refusal(name, answer)
        assert answer.json()["errors"][0]["extensions"]["traceId"] == answer.headers["x-trace-id"]
    assert keys_in(client.parts) == set()


def _require_refusal(name: str, answer: httpx2.Response, status: int = 400) -> None:
    assert answer.status_code == status, (name, answer.text[:200])
    assert answer.json()["errors"][0]["extensions"]["code"] in {"GRAPHQL_PARSE_FAILED", "VALIDATION_ERROR"}, name


def part(head: bytes, body: bytes = b"x") -> bytes:
    return BOUNDARY + b"\r\nContent-Disposition: form-data" + head + b"\r\n\r\n" + body + b"\r\n"


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no part": BOUNDARY + b"--\r\n",
    "no end": part(b'; name="operations"', b"{}"),
    "no name": part(b"") + BOUNDARY + b"--\r\n",
    "another boundary": b"--y\r\n\r\n\r\n--y--\r\n",
    "10,000 fields": part(b'; name="a"') * 10_000 + BOUNDARY + b"--\r\n",
    "a huge field": part(b'; name="operations"', b" " * 900_000) + BOUNDARY + b"--\r\n",
    "a huge head": part(b'; name="' + b"n" * 500_000 + b'"') + BOUNDARY + b"--\r\n",
    "1,000 heads": BOUNDARY + b"\r\n" + b"A: b\r\n" * 1_000 + b"\r\nx\r\n" + BOUNDARY + b"--\r\n",
    "bad UTF-8 in a name": part(b'; name="\xff\xfe"; filename="\xff"') + BOUNDARY + b"--\r\n",
    "an odd charset": part(b'; name="_charset_"', b"utf-7") + BOUNDARY + b"--\r\n",
    "only dashes": b"-" * 100_000,
    "only line ends": b"\r\n" * 100_000,
    "boundaries alone": BOUNDARY + b"\r\n" + (BOUNDARY + b"\r\n") * 10_000,
}


async def test_a_body_that_is_no_form_is_refused_with_400_and_holds_nobody_up(client: Client) -> None:
    for name, body in BODIES.items():
        for charset in ("", "; charset=x"):
            headers = {**PREFLIGHT, "content-type": f"multipart/form-data; boundary=x{charset}"}
            beating = asyncio.create_task(longest_gap())
            answer = await client.http.post("/graphql", content=body, headers=headers)
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating
            _require_refusal(name, answer)
    assert keys_in(client.parts) == set()


async def test_text_that_is_no_utf_8_is_read_as_what_it_is_not_and_refused(client: Client) -> None:
    body = part(b'; name="operations"', b'{"query":"\xff\xfe"}') + part(b'; name="map"', b"{}") + BOUNDARY + b"--"
    headers = {**PREFLIGHT, "content-type": "multipart/form-data; boundary=x"}
    _require_refusal("bad UTF-8", await client.http.post("/graphql", content=body, headers=headers), 200)


async def longest_gap() -> None:
    """Ends with an error where the event loop was held for more than a fifth of a second."""
    loop = asyncio.get_running_loop()
    while True:
        before = loop.time()
        await asyncio.sleep(HEARTBEAT_SECONDS)
        assert loop.time() - before < HEARTBEAT_SECONDS + 0.2, "the event loop was held"


async def test_a_form_without_a_boundary_is_refused(client: Client) -> None:
    for content_type in ("multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data;" * 9):
        headers = {**PREFLIGHT, "content-type": content_type}
        answer = await client.http.post("/graphql", content=b"--x--", headers=headers)
        assert answer.status_code == 400, content_type


NAMES = ["../../etc/passwd", "..\\..\\boot.ini", "a%00.png", "a\0.png", "x" * 3_000, "<script>.png", "кот.png", "@last"]


async def test_what_the_file_is_called_decides_nothing(client: Client) -> None:
    for name in NAMES:
        before = keys_in(client.parts)
        image = await upload(client, name=name)
        (key,) = keys_in(client.parts) - before
        assert key.startswith(f"{client.key.projectId}/{image['id']}-")
        assert key.endswith(".png")


async def test_a_file_that_is_no_file_is_refused(client: Client) -> None:
    for value in ("x", 1, {"a": 1}, ["x"]):
        answer = await client.post(UPLOAD, input={"file": value})
        error = answer.json()["errors"][0]
        assert (error["extensions"]["code"], error["extensions"]["field"]) == ("VALIDATION_ERROR", "file")


async def test_one_file_more_than_a_request_may_have_is_refused_before_it_is_all_read(client: Client) -> None:
    answer = await send_form(client, asked(), PLACED, {"0": ("a.png", padded(8_000_000))})
    error = answer.json()["errors"][0]
    assert (answer.status_code, error["message"]) == (400, "File too large")


async def test_several_files_come_with_one_operation(client: Client) -> None:
    query = """mutation($a: UploadImageInput!, $b: UploadImageInput!) {
      a: uploadImage(input: $a) { image { id } } b: uploadImage(input: $b) { image { id } } }"""
    operations = {"query": query, "variables": {"a": {"file": None}, "b": {"file": None}}}
    placed = {"one": ["variables.a.file"], "two": ["variables.b.file"]}
    answer = await send_form(client, operations, placed, {"one": ("a.png", PICTURE), "two": ("b.png", OTHER)})
    assert len(json.loads(answer.text)["data"]) == len(keys_in(client.parts)) == 2


async def test_other_bodies_stay_as_small_as_they_were(client: Client) -> None:
    for content_type in ("application/json", "text/plain", "application/octet-stream"):
        body, headers = b" " * 1_100_000, {"content-type": content_type}
        answer = await client.http.post("/generate", content=body, headers=headers)
        assert answer.status_code in {413, 415}


async def test_nobody_without_a_key_is_listened_to(client: Client) -> None:
    async with httpx2.AsyncClient(base_url=client.url) as stranger:
        fields = {"operations": json.dumps(asked()), "map": json.dumps(PLACED)}
        answer = await stranger.post("/graphql", data=fields, files=FILES, headers=PREFLIGHT)
    assert answer.status_code == 401
