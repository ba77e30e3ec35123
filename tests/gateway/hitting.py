"""
A process that hits one limit, or spends one budget, from several threads, each as fast as it can.

`python -m tests.gateway.hitting hit|spend URL AMOUNT THREADS HITS` says `ready`, waits for a line, and then says how
many of its hits were let through.
"""

import asyncio
import sys
from threading import Thread

from gateway.limits import RateLimit, open_limiter

KEY = "key/shared"


async def hit(way: str, url: str, limit: RateLimit, hits: int) -> int:
    """How many of so many hits are let through."""
    async with open_limiter(url, refuse_when_away=True) as limiter:
        take = limiter.spend if way == "spend" else limiter.hit
        return sum([(await take(KEY, limit)).allowed for _ in range(hits)])


def main(way: str, url: str, amount: int, threads: int, hits: int) -> None:
    allowed: list[int] = []
    limit = RateLimit(amount, 3_600)
    workers = [Thread(target=lambda: allowed.append(asyncio.run(hit(way, url, limit, hits)))) for _ in range(threads)]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(allowed) == threads
    sys.stdout.write(f"{sum(allowed)}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *(int(word) for word in sys.argv[3:]))
