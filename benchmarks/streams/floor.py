"""
The least that fan-out takes over ASGI: no GraphQL, no identity, no outbox.

An event is taken from the bus, serialised once, and `await send` brings it to each who follows its project or its run.
It runs under uvicorn set as Easel sets it.
"""

import asyncio
import gc
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import uvicorn
import uvloop
from redis.asyncio import Redis

WELCOMES = {"connection_init": "connection_ack", "auth": "authenticated"}

Send = Callable[[dict[str, Any]], Awaitable[None]]

followers: dict[str, dict[int, tuple[str, Send]]] = {}


async def app(scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Send) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept", "subprotocol": scope["subprotocols"][0]})
    joined = []
    while (message := await receive())["type"] == "websocket.receive":
        said = json.loads(message["text"])
        if said["type"] == "subscribe":
            topic = _topic_of(said)
            followers.setdefault(topic, {})[id(send)] = (said["id"], send)
            joined.append(topic)
        elif said["type"] in WELCOMES:
            await send({"type": "websocket.send", "text": json.dumps({"type": WELCOMES[said["type"]]})})
    for topic in joined:
        followers[topic].pop(id(send), None)


async def fan_out() -> None:
    async with Redis.from_url(os.environ["REDIS_URL"]).pubsub() as bus:
        await bus.psubscribe("project:*")
        async for message in bus.listen():
            if message["type"] == "pmessage":
                for envelope in msgspec.json.decode(message["data"]):
                    await _deliver(envelope["seq"], envelope["event"])


async def _deliver(seq: int, event: dict[str, Any]) -> None:
    told = {
        "event": event["event"],
        "payload": event["payload"],
        "occurredAt": event["occurred_at"],
        "cursor": str(seq),
    }
    by_topic: dict[str, tuple[str, dict[str, Any]]] = {
        f"stream:{event['project_id']}": ("next", {"data": {"stream": told}}),
        f"runUpdated:{event['run_id']}": ("next", {"data": {"runUpdated": event["payload"]}}),
        f"easel.v1:{event['project_id']}": ("", {"channel": event["channel"], **told}),
    }
    for topic, (kind, body) in by_topic.items():
        if topic in followers:
            encoded = msgspec.json.encode(body).decode()
            rest = f',"type":"{kind}","payload":{encoded}}}' if kind else f",{encoded[1:]}"
            for name, send in list(followers[topic].values()):
                await send({"type": "websocket.send", "text": f'{{"id":"{name}"{rest}'})


def _topic_of(said: dict[str, Any]) -> str:
    if "channel" in said:
        return f"easel.v1:{said['projectId']}"
    variables = said["payload"]["variables"]
    return f"runUpdated:{variables['id']}" if "id" in variables else f"stream:{variables['channels'][0]['projectId']}"


async def main(port: int) -> None:
    config = uvicorn.Config(
        app, port=port, loop="none", http="httptools", ws="websockets-sansio", ws_per_message_deflate=False,
        lifespan="off", log_config=None, access_log=False, server_header=False,
    )  # fmt: skip
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    async with asyncio.TaskGroup() as group:
        group.create_task(fan_out())
        group.create_task(uvicorn.Server(config).serve())


if __name__ == "__main__":
    uvloop.run(main(int(os.environ["PORT"])))
