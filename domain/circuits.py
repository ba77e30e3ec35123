"""Circuit breakers: a provider that fails again and again is left alone for a while, and its steps wait for it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from domain.ports import Transaction

FAILURES_TO_OPEN = 5
FIRST_PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 300.0


class CircuitState(StrEnum):
    """CLOSED: calls pass. OPEN: none does. HALF_OPEN: one is let through to see."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


@dataclass(slots=True, kw_only=True)
class Circuit:
    """A provider, by its name as id, with how often it has failed in a row, and until when it is left alone."""

    id: str
    failures: int = 0
    open_until: datetime | None = None
    updated_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def state(self, now: datetime) -> CircuitState:
        if self.failures < FAILURES_TO_OPEN or self.open_until is None:
            return CircuitState.CLOSED
        return CircuitState.OPEN if self.open_until > now else CircuitState.HALF_OPEN

    def failed(self, now: datetime) -> None:
        self.failures += 1
        self.updated_at = now
        if self.failures >= FAILURES_TO_OPEN:
            pause = FIRST_PAUSE_SECONDS * 2 ** min(self.failures - FAILURES_TO_OPEN, 10)
            self.open_until = now + timedelta(seconds=min(pause, LONGEST_PAUSE_SECONDS))

    def worked(self, now: datetime) -> None:
        self.failures, self.open_until, self.updated_at = 0, None, now


async def most_calls(tx: Transaction, provider: str, cap: int) -> int:
    """How many steps may be with this provider at once."""
    circuit = await tx.get(Circuit, provider)
    match circuit.state(tx.now):
        case CircuitState.OPEN:
            return 0
        case CircuitState.HALF_OPEN:
            return 1
        case CircuitState.CLOSED:
            return cap


async def worked(tx: Transaction, provider: str | None) -> None:
    if provider is not None and (circuit := await tx.get(Circuit, provider)).failures:
        circuit.worked(tx.now)
        tx.save(circuit)


async def failed(tx: Transaction, provider: str | None) -> None:
    """Calls that were under way when the circuit opened make its pause no longer."""
    if provider is None:
        return
    circuit = await tx.get(Circuit, provider, lock=True)
    if circuit.state(tx.now) is not CircuitState.OPEN:
        circuit.failed(tx.now)
        tx.save(circuit)
