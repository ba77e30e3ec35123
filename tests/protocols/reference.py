"""The clients that others use, as processes of Node.js; what they see they tell line by line."""

import asyncio
import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.npm import Npm, find_npm

ROOT = Path(__file__).parents[2]
CLIENTS = Path(__file__).parent / "clients"
INSTALL_SECONDS = 300
LIMIT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Clients:
    """The programs with their packages, and the Node.js to run them with."""

    directory: Path
    npm: Npm

    @asynccontextmanager
    async def running(self, program: str, **config: Any) -> AsyncIterator["Told"]:
        """One of them, killed at the end of the block if it still runs then."""
        process = await asyncio.create_subprocess_exec(
            "node",
            str(self.directory / f"{program}.mjs"),
            json.dumps(config),
            env=dict(self.npm.environment),
            stdout=asyncio.subprocess.PIPE,
            stderr=sys.stderr,
            limit=1 << 20,
        )
        try:
            yield Told(process)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


@dataclass(slots=True)
class Told:
    """What a client has told so far."""

    process: asyncio.subprocess.Process
    seen: list[dict[str, Any]] = field(default_factory=list)

    async def until(self, enough: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next that will do."""
        assert self.process.stdout
        async with asyncio.timeout(LIMIT_SECONDS):
            async for line in self.process.stdout:
                self.seen.append(json.loads(line))
                if enough(self.seen[-1]):
                    return self.seen[-1]
        raise AssertionError(f"it ended first: {self.seen[-5:]}")

    async def to_the_end(self) -> list[dict[str, Any]]:
        assert self.process.stdout
        async with asyncio.timeout(LIMIT_SECONDS):
            async for line in self.process.stdout:
                self.seen.append(json.loads(line))
            assert await self.process.wait() == 0
        return self.seen

    def of(self, name: str) -> list[Any]:
        return [seen[name] for seen in self.seen if name in seen]

    def heard(self, place: int) -> list[dict[str, Any]]:
        return [seen["heard"] for seen in self.seen if seen.get("place") == place]


def install(scratch: Path) -> Clients:
    """
    The clients in a folder of their own, with the packages that the lock file names.

    Packages are fetched once for each lock file into .boot, by one test process at a time.
    """
    boot = ROOT / ".boot"
    boot.mkdir(exist_ok=True)
    packages = boot / f"reference-clients-{_digest()[:16]}"
    with (boot / "reference-clients.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        npm = find_npm(boot, boot / "reference-clients.log", lambda line: print(line, file=sys.stderr))  # noqa: T201
        if not packages.exists():
            _fetch(npm, packages)
    directory = scratch / "clients"
    shutil.copytree(CLIENTS, directory, ignore=shutil.ignore_patterns("node_modules"))
    (directory / "node_modules").symlink_to(packages / "node_modules")
    return Clients(directory, npm)


def _digest() -> str:
    return hashlib.sha256((CLIENTS / "package-lock.json").read_bytes()).hexdigest()


def _fetch(npm: Npm, packages: Path) -> None:
    fresh = packages.with_suffix(f".{os.getpid()}")
    fresh.mkdir()
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(CLIENTS / name, fresh)
    npm.run("ci", directory=fresh, limit_seconds=INSTALL_SECONDS)
    fresh.rename(packages)
