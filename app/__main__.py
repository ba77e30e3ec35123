"""`python -m app`."""

import os
import signal
import sys
from types import FrameType


def _leave(_: int, __: FrameType | None) -> None:
    os._exit(130)


# An interrupt while modules are loaded can be raised anywhere, also where it is turned into another error.
signal.signal(signal.SIGINT, _leave)

from app.cli import main  # noqa: E402 - as above

signal.signal(signal.SIGINT, signal.default_int_handler)

try:
    main()
except KeyboardInterrupt:
    sys.exit(130)
