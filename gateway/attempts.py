"""Keys and tokens that open nothing: how often an address may try."""

from collections import OrderedDict
from math import ceil
from time import monotonic

from domain.errors import ErrorCode
from gateway.limits import LimitState
from gateway.metering import Meter

MOST_SHUT_OUT = 10_000


class Attempts:
    """
    An address that has failed too often is shut out until its minute is over, which costs nobody a question.

    Each process learns of it with the address's next failure there, so whoever comes with a good key is never asked
    for. One that is shut out still comes in with a key that was good here before.
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._shut_out: OrderedDict[str, tuple[float, LimitState]] = OrderedDict()

    async def failed(self, address: str) -> None:
        """Count a failure. Raises IP_RATE_LIMIT_EXCEEDED where there were too many."""
        self.require_few(address)
        state = await self._meter.failure(address)
        if not state.allowed:
            self._shut_out[address] = (monotonic() + state.reset_seconds, state)
            if len(self._shut_out) > MOST_SHUT_OUT:
                self._shut_out.popitem(last=False)
        state.require(ErrorCode.IP_RATE_LIMIT_EXCEEDED)

    def require_few(self, address: str) -> None:
        """Raises IP_RATE_LIMIT_EXCEEDED while the address is shut out."""
        until, state = self._shut_out.get(address, (0.0, None))
        left_seconds = ceil(until - monotonic())
        if state is not None and left_seconds > 0:
            state._replace(reset_seconds=left_seconds).require(ErrorCode.IP_RATE_LIMIT_EXCEEDED)
        self._shut_out.pop(address, None)
