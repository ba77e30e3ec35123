"""Budgets are counted in stretches of time that end by the clock: tests begin where one lasts for a while yet."""

import asyncio
from time import time
from zlib import crc32


async def early_in_its_stretch(key: str, seconds: int = 60, room_seconds: float = 5) -> None:
    """Returns when the stretch in which this key is counted has some seconds left."""
    left_seconds = seconds - (time() + crc32(key.encode()) % seconds) % seconds
    if left_seconds < room_seconds:
        await asyncio.sleep(left_seconds)  # time has to pass
