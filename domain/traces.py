"""Traces as they go on to others (W3C Trace Context)."""

from secrets import token_hex


def traceparent_of(trace_id: str) -> str:
    """The `traceparent` of a call that belongs to this trace, itself a span of its own; empty without a trace."""
    return f"00-{trace_id}-{token_hex(8)}-01" if trace_id else ""
