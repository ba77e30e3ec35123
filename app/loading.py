"""How modules are loaded: nothing is begun yet, so an interrupt ends the process, and nothing of them is garbage."""

import gc
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def loading() -> Iterator[None]:
    """Around imports that take a while, before anything is begun that would have to be ended in order."""
    # An interrupt while modules are loaded can be raised anywhere, also where it is turned into another error.
    signal.signal(signal.SIGINT, _leave)
    gc.disable()  # to look for garbage in modules again and again is a sixth of the time they take to load
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(_: int, __: FrameType | None) -> None:
    os._exit(130)
