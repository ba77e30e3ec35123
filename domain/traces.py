"""How a trace goes on to others (W3C Trace Context)."""

import re
import secrets

_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
SAMPLED = "01"


def traceparent_of(trace_id: str) -> str | None:
    """The `traceparent` of a call that this trace makes; None where it is no trace others could follow."""
    return f"00-{trace_id}-{_span_id()}-{SAMPLED}" if _TRACE_ID.fullmatch(trace_id) else None


def _span_id() -> str:
    return f"{secrets.randbelow(2**64 - 1) + 1:016x}"  # all zeros would be none
