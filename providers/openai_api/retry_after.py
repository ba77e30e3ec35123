"""How long a server asks to wait before the next call."""

import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER_SECONDS = 600.0


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """0 to MAX_RETRY_AFTER_SECONDS, from milliseconds, seconds or an HTTP date; None when no wait can be read."""
    milliseconds, after = headers.get("retry-after-ms", ""), headers.get("retry-after", "")
    waits = (_number(milliseconds, unit_seconds=0.001), _number(after), _seconds_until(after))
    wait = next((seconds for seconds in waits if seconds is not None), None)
    return None if wait is None else min(max(wait, 0.0), MAX_RETRY_AFTER_SECONDS)


def _number(text: str, *, unit_seconds: float = 1.0) -> float | None:
    try:
        seconds = float(text) * unit_seconds
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def _seconds_until(http_date: str) -> float | None:
    try:
        return parsedate_to_datetime(http_date).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
