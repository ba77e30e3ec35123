"""Identifiers: UUIDv7 as lower-case text, unique across all types and ordered by creation time (RFC 9562)."""

import os
import re
import threading
import time
from typing import NewType
from uuid import UUID

Id = NewType("Id", str)

NO_ID = Id("00000000-0000-0000-0000-000000000000")

_WRITTEN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_lock = threading.Lock()
_last = 0


def new_id() -> Id:
    """A fresh identifier, greater than every one this process made before it."""
    return Id(str(UUID(int=_next_timestamp_and_counter() << 64 | 0b10 << 62 | int.from_bytes(os.urandom(8)) >> 2)))


def _next_timestamp_and_counter() -> int:
    """48 bits of milliseconds, the version, and 12 bits that count on within one millisecond."""
    global _last  # noqa: PLW0603 - one clock for the process, behind its lock
    with _lock:
        nanoseconds = time.time_ns()
        milliseconds, rest = divmod(nanoseconds, 1_000_000)
        _last = max(_last + 1, milliseconds << 12 | rest * 4096 // 1_000_000)
        return (_last >> 12) << 16 | 0x7 << 12 | _last & 0xFFF


def parse_id(text: str) -> Id | None:
    """The identifier a caller wrote, in capitals or not, or None: one in another form names nothing."""
    return Id(text.lower()) if isinstance(text, str) and _WRITTEN.fullmatch(text) else None
