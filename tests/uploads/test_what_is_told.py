"""What listeners hear of uploads."""

from typing import Any

import pytest

from domain.ids import Id
from tests.studio import Client
from tests.uploads.sending import upload

STREAM = """subscription($after: String!) { stream(channels: [{name: RUNS}], after: $after) {
  event payload clientMutationId subject { ... on Image { id source } }
} }"""
KEY = "a-key-of-16-characters"


async def first_event(client: Client) -> dict[str, Any]:
    """What the project was told since it began."""
    since = client.parts.studio.cursors.write({Id(client.key.projectId): 0})
    async with client.live() as live:
        async for event in live.watch(STREAM, after=since):
            found: dict[str, Any] = event["stream"]
            return found
    raise AssertionError("the stream ended")


@pytest.mark.parametrize("settings", ["files"], indirect=True)
async def test_an_uploaded_image_is_told_of(client: Client) -> None:
    image = await upload(client, alias="@kite", clientMutationId=KEY)
    told = await first_event(client)
    assert (told["event"], told["clientMutationId"]) == ("image.created", KEY)
    assert told["subject"] == {"id": image["id"], "source": "UPLOADED"}
    assert told["payload"]["alias"] == "@kite"
    assert told["payload"]["fileHash"] == image["fileHash"]
    assert "storageKey" not in told["payload"]
