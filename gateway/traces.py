"""Traces: which request this is, in every log line, error, event, job and provider call (W3C Trace Context)."""

import re
import secrets

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def new_trace_id() -> str:
    return secrets.token_hex(16)


def trace_id_of(traceparent: str | None) -> str:
    """The caller's trace where it names one, else a new one; 32 hexadecimal digits."""
    found = _TRACEPARENT.fullmatch(traceparent or "")
    return found[1] if found else new_trace_id()
