"""What was encoded a moment ago: who asks for the same at almost the same time gets the same bytes."""

import asyncio
import sys
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial

from streams.feeds.deliveries import Delivery
from streams.topics.topic import Encode

KEPT_SECONDS = 1.0  # an answer tells of its subject as it is now, or almost
MOST_KEPT = 256
MOST_KEPT_BYTES = 8_388_608  # a snapshot of a full room has 2 MB


@dataclass(slots=True)
class _Kept:
    until: float
    payload: asyncio.Future[bytes]
    bytes_: int = 0


class Encoded:
    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._bytes = 0

    async def of(self, delivery: Delivery) -> bytes:
        """Encoded once, whoever asks first."""
        now = asyncio.get_running_loop().time()
        self._forget(now)
        key = delivery.cursor, delivery.event, delivery.subject_id, delivery.occurred_at
        if key not in self._kept:
            encoding = asyncio.ensure_future(self._encode(delivery))
            self._kept[key] = kept = _Kept(now + KEPT_SECONDS, encoding)
            encoding.add_done_callback(partial(self._weigh, key, kept))
        return await asyncio.shield(self._kept[key].payload)

    def _weigh(self, key: Hashable, kept: _Kept, encoding: asyncio.Future[bytes]) -> None:
        """Encoded: what it takes counts from now on, and the oldest give way to it."""
        if self._kept.get(key) is kept and not encoding.cancelled() and not encoding.exception():
            kept.bytes_ = sys.getsizeof(encoding.result())
            self._bytes += kept.bytes_
        while self._bytes > MOST_KEPT_BYTES:
            self._forget_oldest()

    def _forget(self, now: float) -> None:
        """The oldest, as long as they are too old or too many."""
        while self._kept and (next(iter(self._kept.values())).until < now or len(self._kept) >= MOST_KEPT):
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        self._bytes -= self._kept.popitem(last=False)[1].bytes_
