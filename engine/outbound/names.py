"""Names to addresses, without keeping other work waiting."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from engine.outbound.addresses import Address, read_address
from engine.outbound.failures import Reason, Undelivered
from engine.outbound.targets import Target

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

LOOK_UP_SECONDS = 5.0

# Threads of their own: names whose servers never answer must not take those of the whole process.
_threads = ThreadPoolExecutor(32, thread_name_prefix="names")


async def look_up(host: str, port: int) -> Sequence[str]:
    """All addresses the system knows for a name, best first."""
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(_threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    return [str(address[0]) for *_, address in found]


async def addresses_of(target: Target, resolve: Resolve) -> list[Address]:
    """At least one. Raises Undelivered."""
    if target.address is not None:
        return [target.address]
    try:
        async with asyncio.timeout(LOOK_UP_SECONDS):
            found = [read_address(text) for text in await resolve(target.host, target.port)]
    except (OSError, UnicodeError) as error:
        raise Undelivered(Reason.HOST_NOT_FOUND) from error
    if not found:
        raise Undelivered(Reason.HOST_NOT_FOUND)
    return [_read(address) for address in found]


def _read(address: Address | None) -> Address:
    if address is None:
        raise Undelivered(Reason.ADDRESS_REFUSED)
    return address
