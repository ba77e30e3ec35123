"""How long deliveries were on their way."""

import time
from array import array

from benchmarks.streams.watchers import Watcher


class Delays:
    def __init__(self) -> None:
        self.nanoseconds = array("q")

    def count(self, published_ns: int, _watcher: Watcher, _message: bytes) -> None:
        self.nanoseconds.append(time.monotonic_ns() - published_ns)

    def p50_p99_ms(self) -> tuple[float | None, float | None]:
        found = sorted(self.nanoseconds)
        if not found:
            return None, None
        return found[len(found) // 2] / 1e6, found[int(len(found) * 0.99)] / 1e6
