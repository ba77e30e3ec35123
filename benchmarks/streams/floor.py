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

Send = Callable[[dict[str, Any]], Awaitable[None]]
Followers = dict[str, dict[int, tuple[str, Send]]]

followers: Followers = {}


async def app(scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Send) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept", "subprotocol": "graphql-transport-ws"})
    joined = []
    while (message := await receive())["type"] == "websocket.receive":
        said = json.loads(message["text"])
        if said["type"] == "connection_init":
            await send({"type": "websocket.send", "text": '{"type":"connection_ack"}'})
        elif said["type"] == "subscribe":
            topic = _topic_of(said["payload"]["variables"])
            followers.setdefault(topic, {})[id(send)] = (said["id"], send)
            joined.append(topic)
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
    told = {name: event[name] for name in ("event", "payload")}
    stream = {"cursor": str(seq), **told, "occurredAt": event["occurred_at"]}
    for topic, data in (
        (event["project_id"], {"stream": stream}),
        (event["run_id"], {"runUpdated": event["payload"]}),
    ):
        if topic in followers:
            payload = msgspec.json.encode({"data": data}).decode()
            for name, send in list(followers[topic].values()):
                text = f'{{"id":"{name}","type":"next","payload":{payload}}}'
                await send({"type": "websocket.send", "text": text})


def _topic_of(variables: dict[str, Any]) -> str:
    found: str = variables["id"] if "id" in variables else variables["channels"][0]["projectId"]
    return found


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
