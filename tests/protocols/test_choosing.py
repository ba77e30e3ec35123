"""One address, three protocols: what a client offers decides which is spoken."""

from typing import Any

import pytest

from tests.api.talking import talking
from tests.protocols.conversing import GONE_ON, closes, converse
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")

GRAPHQL = "graphql-transport-ws"
ENVELOPE = "easel.v1"
CHOSEN: dict[str, tuple[str, list[str] | None, str | None]] = {
    "GraphQL on streams": ("/v1/streams", [GRAPHQL], GRAPHQL),
    "GraphQL on graphql": ("/graphql", [GRAPHQL], GRAPHQL),
    "GraphQL on v1": ("/v1/graphql", [GRAPHQL], GRAPHQL),
    "GraphQL after the one before it": ("/v1/streams", ["graphql-ws", GRAPHQL], GRAPHQL),
    "GraphQL before the one before it": ("/graphql", [GRAPHQL, "graphql-ws"], GRAPHQL),
    "GraphQL among strangers": ("/v1/graphql", ["mqtt", GRAPHQL, "wamp.2.json"], GRAPHQL),
    "GraphQL before the envelope": ("/v1/streams", [GRAPHQL, ENVELOPE], GRAPHQL),
    "GraphQL after the envelope": ("/v1/streams", [ENVELOPE, GRAPHQL], GRAPHQL),
    "the envelope": ("/v1/streams", [ENVELOPE], ENVELOPE),
    "the envelope among strangers": ("/v1/streams", ["mqtt", ENVELOPE], ENVELOPE),
    "the envelope without a name": ("/v1/streams", None, None),
}
NONE_OF_OURS: dict[str, tuple[str, list[str] | None]] = {
    "the one before on streams": ("/v1/streams", ["graphql-ws"]),
    "the one before on graphql": ("/graphql", ["graphql-ws"]),
    "the one before on v1": ("/v1/graphql", ["graphql-ws"]),
    "strangers": ("/v1/streams", ["mqtt", "wamp.2.json"]),
    "capitals": ("/v1/streams", ["GRAPHQL-TRANSPORT-WS"]),
    "a version that is not there": ("/v1/streams", ["easel.v2"]),
    "the envelope on graphql": ("/graphql", [ENVELOPE]),
    "the envelope on v1": ("/v1/graphql", [ENVELOPE]),
    "nothing on graphql": ("/graphql", None),
    "nothing on v1": ("/v1/graphql", None),
}


@pytest.mark.parametrize("row", CHOSEN.values(), ids=CHOSEN)
async def test_the_best_of_what_is_offered_is_spoken(
    client: Client, row: tuple[str, list[str] | None, str | None]
) -> None:
    path, offered, chosen = row
    async with talking(client, path, subprotocols=offered) as talker:
        assert talker.socket.subprotocol == chosen
        for step in GONE_ON:  # both protocols know `ping`, before anybody was introduced too
            await step(talker, client)


@pytest.mark.parametrize("row", NONE_OF_OURS.values(), ids=NONE_OF_OURS)
async def test_who_offers_nothing_that_is_spoken_here_is_closed_with_4406(
    client: Client, row: tuple[str, list[str] | None]
) -> None:
    path, offered = row
    more: dict[str, Any] = {"subprotocols": offered}
    await converse(client, closes(4406), path=path, **more)
