"""Puts files in a process of its own, which can be killed, or held to real limits of the operating system."""

import argparse
import asyncio
import hashlib
import json
import os
import resource
from itertools import count
from pathlib import Path

from domain.errors import DomainError
from storage.objects.files import FileObjects

NOBODY = 65534
BODY_BYTES = 2 * 1024 * 1024


def body(key: str) -> bytes:
    """What is put at `key`: a half of it, or that of another key, is recognised."""
    return hashlib.sha256(key.encode()).digest() * (BODY_BYTES // 32)


async def put_for_ever(objects: FileObjects) -> None:
    """Eight at a time; prints the key of each that is kept."""

    async def put_some(series: int) -> None:
        for number in count():
            key = f"{os.getpid()}/{series}/{number}"
            await objects.put(key, body(key), "image/png")
            print(key, flush=True)  # noqa: T201 - who started this reads it

    await asyncio.gather(*map(put_some, range(8)))


async def put_once(objects: FileObjects) -> None:
    """Prints the error it ends with."""
    try:
        await objects.put("new/key", body("new/key"), "image/png")
    except DomainError as error:
        print(json.dumps([error.code, error.message]))  # noqa: T201 - as above


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("held_to", choices=["nothing", "small-files", "others-folder"])
    arguments = parser.parse_args()
    objects = FileObjects(arguments.root)
    if arguments.held_to == "nothing":
        asyncio.run(put_for_ever(objects))
    elif arguments.held_to == "small-files":
        resource.setrlimit(resource.RLIMIT_FSIZE, (BODY_BYTES // 2, BODY_BYTES // 2))
    else:
        arguments.root.chmod(0o500)
        if os.geteuid() == 0:
            os.setuid(NOBODY)
    asyncio.run(put_once(objects))


if __name__ == "__main__":
    main()
