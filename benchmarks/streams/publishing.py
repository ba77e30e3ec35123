"""Events as the announcer puts them on the bus, without the database and the engine that make real ones."""

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

from benchmarks.streams.jobs import Topic
from domain.events import Envelope, Event
from domain.ids import Id
from streams.feeds.announcer import channel_of, encode

_STEPS = 6
_NODE = "prompt"


class Publisher:
    """Numbers each project's events on from `seqs`, as feeds believe the bus."""

    def __init__(self, transport: asyncio.Transport, seqs: dict[Id, int]) -> None:
        self._transport = transport
        self._seqs = dict(seqs)

    @classmethod
    async def connected(cls, port: int, seqs: dict[Id, int]) -> "Publisher":
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, "127.0.0.1", port)
        return cls(cast("asyncio.Transport", transport), seqs)

    def publish(self, topic: Topic, padding: int = 0) -> int:
        """The number it got; `padding` are bytes more than about a thousand."""
        seq = self._seqs[topic.project_id] = self._seqs.get(topic.project_id, 0) + 1
        words = (b"PUBLISH", channel_of(topic.project_id).encode(), encode([_envelope(topic, seq, padding)]))
        self._transport.write(b"*3\r\n" + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words))
        return seq


def _envelope(topic: Topic, seq: int, padding: int) -> Envelope:
    event = Event(
        event="run.updated",
        project_id=topic.project_id,
        run_id=topic.run_id,
        subject_type="Run",
        subject_id=topic.run_id,
        version=seq,
        payload=_run(topic, seq) | ({"padding": "x" * padding} if padding else {}),
    )
    return Envelope(seq=seq, event=event, client_mutation_id=None, trace_id="0" * 32)


def _run(topic: Topic, version: int) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    steps = [
        {"id": topic.run_id, "nodeId": f"{_NODE}-{number}", "status": "QUEUED", "progress": 0.0}
        for number in range(_STEPS)
    ]
    return {
        "id": topic.run_id, "status": "RUNNING", "progress": 0.5, "version": version, "createdAt": now,
        "startedAt": now, "finishedAt": None, "steps": steps,
    }  # fmt: skip
