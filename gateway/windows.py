"""Where hits are counted: the windows of Redis, through its library, or those of this process."""

from collections import OrderedDict, deque
from collections.abc import Callable
from time import time
from typing import Protocol, TypeVar

MOST_KEYS = 20_000

Value = TypeVar("Value")


class Windows(Protocol):
    """What is used of the library's storages: windows that remember each hit, and plain counters."""

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool: ...

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """When the oldest of the newest `limit` hits was, and how many there are."""
        ...

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """The counter's new value. A key stands for one stretch of time: none is used again after `expiry`."""
        ...

    async def get(self, key: str) -> int: ...


class MemoryWindows:
    """
    The windows and counters of one process, of so many keys each; the one unused for longest makes room.

    The library's own memory storage looks through all keys with every hit.
    """

    def __init__(self, most_keys: int = MOST_KEYS, clock: Callable[[], float] = time) -> None:
        self._most_keys = most_keys
        self._clock = clock
        self._windows: OrderedDict[str, deque[float]] = OrderedDict()
        self._counters: OrderedDict[str, int] = OrderedDict()

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        window = self._current(key, expiry)
        allowed = len(window) + amount <= limit
        if allowed:
            window.extend([self._clock()] * amount)
        return allowed

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        window = self._current(key, expiry)
        count = min(limit, len(window))
        return (window[-count] if count else self._clock()), count

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        return self.add(key, amount)

    def add(self, key: str, amount: int) -> int:
        """The counter's new value."""
        used = self._counters[key] = self._counters.get(key, 0) + amount
        self._make_room(self._counters, key)
        return used

    async def get(self, key: str) -> int:
        return self._counters.get(key, 0)

    def _current(self, key: str, seconds: int) -> deque[float]:
        """The key's window, without what is over."""
        window = self._windows.setdefault(key, deque())
        self._make_room(self._windows, key)
        over = self._clock() - seconds
        while window and window[0] < over:
            window.popleft()
        return window

    def _make_room(self, values: OrderedDict[str, Value], key: str) -> None:
        values.move_to_end(key)
        if len(values) > self._most_keys:
            values.popitem(last=False)
