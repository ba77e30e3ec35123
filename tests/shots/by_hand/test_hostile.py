"""Whatever a caller sends to any address of shots: it is answered or refused, and nothing breaks."""

import asyncio
from typing import Any

import pytest

from rest.generate_ai_concept.routes import ROWS
from tests.api_v1.test_hostile import NAMES, VALUES
from tests.shots.by_hand.bringing import PREFIX, name, payload, post, started
from tests.studio import Client
from tests.uploads.sending import PICTURE

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

FIELDS = {
    "": ("project_id", "episode", "season", "sequences", "style", "workflow_json", "params",
         "mode", "max_credits", "unknown"),
    "/retry": ("batch_id", "sequence_id", "plan"),
    "/cancel": ("batch_id", "sequence_id", "plan"),
    "/resume": ("batch_id", "max_credits"),
    "/mode": ("batch_id", "sequence_id", "plan", "mode"),
    "/match": ("batch_id", "project_id", "file_names"),
}  # fmt: skip
QUERIES = [
    "batch_id", "logs_limit", "logs_after", "logs_before", "results_limit", "results_after", "all_versions", "dry_run",
    "x", "%00", "",
]  # fmt: skip


@pytest.mark.parametrize("path", FIELDS)
async def test_no_body_breaks_it(client: Client, path: str) -> None:
    batch_id = await started(client, 1)
    shot = {"batch_id": batch_id, "sequence_id": "SQ0010", "plan": "0010", "mode": "manuel"}
    sound = payload(client) if not path else {key: shot[key] for key in FIELDS[path] if key in shot}
    sound |= {"file_names": [name()]} if path == "/match" else {}
    for key in FIELDS[path]:
        bodies = [{**sound, key: value} for value in VALUES]
        answers = await asyncio.gather(*(post(client, path, body) for body in bodies))
        for value, answer in zip(VALUES, answers, strict=True):
            assert answer.status_code < 500, (key, value, answer.text)


@pytest.mark.parametrize(
    "sequences", [[value] for value in VALUES] + [[{"sequence_id": value, "plans": [value]}] for value in VALUES]
)
async def test_no_sequences_break_it(client: Client, sequences: Any) -> None:
    for path in ("", "?dry_run=true"):
        answer = await post(client, path, payload(client, sequences=sequences))
        assert answer.status_code < 500, answer.text


@pytest.mark.parametrize("path", [path for method, path, _ in ROWS if method == "GET"])
async def test_no_query_breaks_it(client: Client, path: str) -> None:
    batch_id = await started(client, 1)
    for key in QUERIES:
        for value in [*NAMES, "0", "-1", "true", "9" * 400]:
            asked = f"{key}={value}" if key == "batch_id" else f"batch_id={batch_id}&{key}={value}"
            answer = await client.http.get(f"{PREFIX}{path}?{asked}")
            assert answer.status_code < 500, (key, value, answer.text)


@pytest.mark.parametrize("path", [path for method, path, _ in ROWS if method == "POST"])
async def test_what_is_no_json_object_is_refused(client: Client, path: str) -> None:
    for content in (b"", b"{", b"[]", b"null", b'"x"', b"\xff", b'{"batch_id":"\\ud800"}', b"[" * 100_000):
        headers = {"Content-Type": "application/json"}
        answer = await client.http.post(f"{PREFIX}{path}", content=content, headers=headers)
        assert 400 <= answer.status_code < 500, (content[:20], answer.text)


async def test_no_form_breaks_it(client: Client) -> None:
    batch_id = await started(client, 1)
    file = ("file", (name(), PICTURE, "image/png"))
    for fields in (
        [],
        [file, file],
        [("file", (None, "x"))],
        [file, ("batch_id", ("a.png", b"x"))],
        [file, ("batch_id", (None, "x" * 1_000))],
        [file, ("batch_id", (None, "\x00"))],
        [file, ("batch_id", (None, batch_id)), ("sequence_id", (None, "\x00")), ("plan", (None, "x"))],
        [file, ("unknown", (None, "x"))],
        [("file", (name(), b"", "image/png"))],
        [("x" * 5_000, (name(), PICTURE, "image/png"))],
    ):
        answer = await client.http.post(f"{PREFIX}/upload", files=fields)  # type: ignore[arg-type]
        assert 400 <= answer.status_code < 500, (fields, answer.text)
