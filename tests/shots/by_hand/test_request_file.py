"""The request file of shots, sent as it stands: only the address, the key and the batch's id are put in."""

from pathlib import Path

import pytest

from rest.generate_ai_concept import PREFIX
from rest.generate_ai_concept.routes import ROWS
from tests.images.test_request_file import requests_of, sent
from tests.studio import Client

FILE = Path(__file__).parents[3] / "examples" / "shots.rest"
STATUS = {"Start a batch": 202, "Let a paused batch go on": 409}


@pytest.mark.asyncio(loop_scope="module")
async def test_every_request_of_the_file_is_answered_in_its_order(client: Client) -> None:
    values = {"base": client.url, "apiKey": client.key.apiKey, "projectId": client.key.projectSlug}
    for one in requests_of(FILE.read_text()):
        answer = await sent(client.http, one, values)
        expected = next((code for title, code in STATUS.items() if one.title.startswith(title)), 200)
        assert answer.status_code == expected, (one.title, answer.text[:300])
        if expected == 202:
            values["batchId"] = answer.json()["batch_id"]


def test_the_file_names_every_address() -> None:
    found = requests_of(FILE.read_text())
    written = {(one.method, one.url.partition("?")[0].removeprefix("{{base}}")) for one in found}
    assert written == {(method, PREFIX + path) for method, path, _ in ROWS}
