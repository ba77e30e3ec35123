"""What was encoded a moment ago: who asks for the same at almost the same time gets the same bytes."""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from streams.deliveries import Delivery
from streams.topics import Encode

KEPT_SECONDS = 1.0  # an answer tells of its subject as it is now, or almost
MOST_KEPT = 256


@dataclass(slots=True)
class _Kept:
    until: float
    payload: asyncio.Future[bytes]


class Encoded:
    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()

    async def of(self, delivery: Delivery) -> bytes:
        """Encoded once, whoever asks first."""
        now = asyncio.get_running_loop().time()
        self._forget(now)
        key = delivery.cursor, delivery.event, delivery.subject_id, delivery.occurred_at
        if key not in self._kept:
            encoding = asyncio.ensure_future(self._encode(delivery))
            self._kept[key] = _Kept(now + KEPT_SECONDS, encoding)
        return await asyncio.shield(self._kept[key].payload)

    def _forget(self, now: float) -> None:
        """The oldest, as long as they are too old or too many."""
        while self._kept and (next(iter(self._kept.values())).until < now or len(self._kept) >= MOST_KEPT):
            self._kept.popitem(last=False)
