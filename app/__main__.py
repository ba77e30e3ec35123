"""`python -m app`."""

import gc
import os
import signal
import sys
from types import FrameType


def _leave(_: int, __: FrameType | None) -> None:
    os._exit(130)


# An interrupt while modules are loaded can be raised anywhere, also where it is turned into another error.
signal.signal(signal.SIGINT, _leave)
gc.disable()  # modules stay: to look for garbage in them again and again is a sixth of the time they take to load

from app.cli import main  # noqa: E402 - as above

gc.freeze()
gc.enable()
signal.signal(signal.SIGINT, signal.default_int_handler)

try:
    main()
except KeyboardInterrupt:
    sys.exit(130)
