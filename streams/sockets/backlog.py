"""What a client has not taken yet: in order and whole while it is little, then only the newest of each subject."""

from collections import deque
from collections.abc import Hashable
from typing import NamedTuple

MOST_MESSAGES = 256
MOST_BYTES = 524_288


class Overflow(Exception):
    """Even the newest of each subject are too many."""


class Waiting(NamedTuple):
    parts: tuple[bytes, ...]
    subject: Hashable
    size: int


class Backlog:
    """
    A bounded queue. When it is full, each message gives way to the newest one about the same subject.

    A message without a subject is kept. Raises Overflow where too little room is made by that.
    """

    __slots__ = ("_bytes", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()
        self._bytes = 0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, parts: tuple[bytes, ...], subject: Hashable) -> None:
        """The message that the parts make together."""
        size = sum(map(len, parts))
        self._waiting.append(Waiting(parts, subject, size))
        self._bytes += size
        if self._is_over(MOST_MESSAGES, MOST_BYTES):
            self._keep_newest()

    def take(self) -> tuple[bytes, ...]:
        """The oldest message."""
        oldest = self._waiting.popleft()
        self._bytes -= oldest.size
        return oldest.parts

    def take_all(self) -> list[tuple[bytes, ...]]:
        return [self.take() for _ in range(len(self._waiting))]

    def _is_over(self, messages: int, bytes_: int) -> bool:
        """Whether there is more than that; one message alone may be of any size."""
        return len(self._waiting) > 1 and (len(self._waiting) > messages or self._bytes > bytes_)

    def _keep_newest(self) -> None:
        newest = {one.subject: place for place, one in enumerate(self._waiting)}
        self._waiting = deque(
            one for place, one in enumerate(self._waiting) if one.subject is None or newest[one.subject] == place
        )
        self._bytes = sum(one.size for one in self._waiting)
        if self._is_over(MOST_MESSAGES // 2, MOST_BYTES // 2):  # or each further message would look through all
            raise Overflow
