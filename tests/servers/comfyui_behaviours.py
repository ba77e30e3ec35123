"""What the server can be told to do with a prompt, by name: `slow:2.0`, `error:KSampler`, `vanish`."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.servers.comfyui_nodes import NODE_CLASSES

HUGE_FILE_BYTES = 512 * 1024 * 1024
HISTORY_LATE_SECONDS = 0.3

_Check = Callable[[str], bool]


def _is_number(argument: str) -> bool:
    return argument.replace(".", "", 1).isdigit()


def _nothing(argument: str) -> bool:
    return not argument


def _maybe_number(argument: str) -> bool:
    return not argument or _is_number(argument)


def _is_class(argument: str) -> bool:
    return argument in NODE_CLASSES


BEHAVIOURS: dict[str, _Check] = {
    "ok": _nothing,
    "slow": _is_number,
    "hold": _nothing,
    "error": _is_class,
    "oom": _nothing,
    "blocked": _nothing,
    "invalid": bool,
    "dropped-output": _nothing,
    "500-but-queued": _nothing,
    "lost-answer": _nothing,
    "no-history": _maybe_number,
    "vanish": _nothing,
    "wrong-file": _nothing,
    "half-file": _nothing,
    "not-an-image": _nothing,
    "huge-file": _maybe_number,
    "success-after-interrupt": _nothing,
}
OF_FILES = {"wrong-file", "half-file", "not-an-image", "huge-file"}
# These change how nodes run, so nothing may come from the cache.
OF_NODES = {"slow", "hold", "error", "oom", "blocked", "success-after-interrupt"}


@dataclass(frozen=True, slots=True)
class Behaviour:
    """`released` is set when the test lets go of what was accepted up to then."""

    name: str = "ok"
    argument: str = ""
    released: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def seconds(self) -> float:
        return float(self.argument or HISTORY_LATE_SECONDS)

    @property
    def size_bytes(self) -> int:
        return int(float(self.argument or HUGE_FILE_BYTES))


def is_known(text: str) -> bool:
    name, _, argument = text.partition(":")
    return name in BEHAVIOURS and BEHAVIOURS[name](argument)
