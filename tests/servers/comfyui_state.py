"""All the server knows, and what the tests have told it to do."""

import asyncio
import hashlib
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers.comfyui_behaviours import Behaviour
from tests.servers.comfyui_folders import Folders
from tests.servers.comfyui_nodes import CHECKPOINTS, LORAS
from tests.servers.comfyui_queue import Item, PromptQueue
from tests.servers.comfyui_sockets import Hub, Message
from tests.servers.comfyui_validation import Surroundings

HOLD_LIMIT_SECONDS = 60.0
STEP_SECONDS = 0.003
MEBIBYTE = 1024 * 1024
FileKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Options:
    directory: Path
    version: str = "0.26.0"
    max_upload_mib: float = 100
    allows_any_origin: bool = False
    checkpoints: tuple[str, ...] = CHECKPOINTS
    loras: tuple[str, ...] = LORAS
    step_seconds: float = STEP_SECONDS

    def is_at_least(self, *version: int) -> bool:
        return tuple(int(part) for part in self.version.split(".")) >= version

    @property
    def max_body_bytes(self) -> float:
        size = self.max_upload_mib * MEBIBYTE
        return int(size) if self.max_upload_mib == 100 else size

    @property
    def features(self) -> dict[str, Any]:
        told = {"supports_preview_metadata": True, "max_upload_size": self.max_body_bytes}
        newer = {"extension": {"manager": {"supports_v4": True}}, "node_replacements": True, "assets": False}
        return {**told, **newer} if self.is_at_least(0, 8) else told


@dataclass(slots=True)
class Orders:
    """What the tests have ordered and may ask for."""

    script: deque[str] = field(default_factory=deque)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    refusals: int = 0
    prompts: list[dict[str, Any]] = field(default_factory=list)
    executed: list[str] = field(default_factory=list)
    interrupted: list[str] = field(default_factory=list)
    files: dict[FileKey, Behaviour] = field(default_factory=dict)

    def next_behaviour(self) -> Behaviour:
        name, _, argument = (self.script.popleft() if self.script else "ok").partition(":")
        return Behaviour(name, argument, self.released)

    def release(self) -> None:
        self.released.set()
        self.released = asyncio.Event()


@dataclass(slots=True)
class ComfyState:
    options: Options
    hub: Hub = field(init=False)
    folders: Folders = field(init=False)
    queue: PromptQueue = field(default_factory=PromptQueue)
    cache: dict[str, Any] = field(default_factory=dict)
    orders: Orders = field(default_factory=Orders)
    step_seconds: float = field(init=False)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    worker: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.hub = Hub(self.options.features)
        self.folders = Folders(self.options.directory)
        self.step_seconds = self.options.step_seconds

    @property
    def status(self) -> Message:
        return Message("status", {"status": {"exec_info": {"queue_remaining": self.queue.remaining}}})

    @property
    def surroundings(self) -> Surroundings:
        tells = self.options.is_at_least(0, 26)
        return Surroundings(self.lists, lambda name: self.folders.loaded(name).is_file(), tells)

    @property
    def lists(self) -> dict[str, list[str]]:
        own = {"checkpoints": list(self.options.checkpoints), "loras": list(self.options.loras)}
        return {**own, "input": self.folders.uploaded()}

    def tell_status(self) -> None:
        self.hub.tell(self.status)

    def content_of(self, name: str) -> str:
        """Of the file that LoadImage reads; a file that has gone since fails when it is read."""
        path = self.folders.loaded(name)
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""

    async def note(self, list_name: str, value: Any) -> None:
        """Adds to one of the lists the tests wait for."""
        async with self.changed:
            getattr(self.orders, list_name).append(value)
            self.changed.notify_all()

    def enqueue(self, item: Item) -> None:
        self.queue.put(item)
        self.tell_status()

    def reset(self) -> None:
        """As if it had just been started with empty directories; sockets stay open."""
        self.orders.release()
        self.queue, self.cache, self.orders = PromptQueue(), {}, Orders()
        self.step_seconds, self.hub.is_silent, self.hub.current = self.options.step_seconds, False, (None, None)
        self.folders.wipe()
