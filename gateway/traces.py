"""Traces: which request this is, in every log line, error, event, job and provider call (W3C Trace Context)."""

import re
from contextvars import ContextVar
from random import Random, SystemRandom

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


current_trace: ContextVar[str | None] = ContextVar("current_trace", default=None)
"""The trace of what is being done, for its log lines."""

_numbers = Random(SystemRandom().getrandbits(128))  # noqa: S311 - each is to be another, not to be unknown


def new_trace_id() -> str:
    return f"{_numbers.getrandbits(128) or 1:032x}"


def trace_id_of(traceparent: str | None) -> str:
    """The caller's trace where it names one, else a new one; 32 hexadecimal digits."""
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    return found[1] if found else new_trace_id()
