"""What callers may ask for: requests of an hour, cost of a minute, work of a project, visits of an address."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.types import Scope

from domain.api_keys import REQUESTS_PER_HOUR
from domain.errors import ErrorCode
from domain.ids import Id
from domain.permissions import Actor, Permission
from gateway.limits import Limiter, LimitState, RateLimit

HOUR_SECONDS, MINUTE_SECONDS = 3_600, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowances:
    """What a minute allows: cost to an actor, starts to a project, visits and failed attempts to an address."""

    cost: int
    project_requests: int
    address_requests: int
    address_failures: int


class Meter:
    """
    Counts against the limits, for all processes together.

    What was counted for an HTTP request is kept in its scope, and told in the headers of its answer, whatever becomes
    of it.
    """

    def __init__(self, limiter: Limiter, allowances: Allowances) -> None:
        self._limiter = limiter
        self._allowances = allowances
        self._visits = _minute(allowances.address_requests)

    async def request(self, scope: Scope, actor: Actor) -> LimitState:
        """Count one request of the actor's hour. Raises RATE_LIMITED where it is used up."""
        state = tell(scope, await self._limiter.hit(f"hour/{_name(actor)}", _hour_of(actor)))
        state.require()
        return state

    async def look(self, actor: Actor) -> LimitState:
        """How the actor's hour stands, without counting."""
        return await self._limiter.hit(f"hour/{_name(actor)}", _hour_of(actor), 0)

    async def spend(self, actor: Actor, cost: int) -> LimitState:
        """Take the cost of an operation from the actor's minute, or nothing where that much is not left."""
        return await self._limiter.spend(f"cost/{_name(actor)}", _minute(self._allowances.cost), cost)

    async def start(self, actor: Actor, project_id: Id, starts: int = 1) -> None:
        """
        Count a request that starts work in the project, so many times. Raises RATE_LIMITED where its minute is used up.

        What would take more than the minute takes all of it. Whoever may start nothing there uses up nothing.
        """
        if not actor.may(Permission.RUNS_START, project_id):
            return
        key = f"project/{actor.organization_id}/{project_id}"  # so that strangers who name it use up nothing
        most = self._allowances.project_requests
        state = await self._limiter.spend(key, _minute(most), min(starts, most))
        state.require()

    async def visit(self, scope: Scope) -> None:
        """Count a request of whoever needs no key. Raises IP_RATE_LIMIT_EXCEEDED where the address had its share."""
        key = f"address/{address_of(scope)}"
        if self._limiter.counts_here:
            refusal = self._limiter.refusal_here(key, self._visits)
        else:
            state = await self._limiter.spend(key, self._visits)
            refusal = None if state.allowed else state
        if refusal is not None:  # others' shared caches keep what is allowed: one visitor's count is not for them
            tell(scope, refusal).require(ErrorCode.IP_RATE_LIMIT_EXCEEDED)

    async def failure(self, address: str) -> LimitState:
        """Count a key or token that opened nothing."""
        return await self._limiter.spend(f"failures/{address}", _minute(self._allowances.address_failures))


def tell(scope: MutableMapping[str, Any], state: LimitState) -> LimitState:
    """Have the answer's headers say how the limit stands."""
    scope["state"]["limit"] = state
    return state


def address_of(scope: MutableMapping[str, Any]) -> str:
    """The caller's address, as the entrance found it."""
    found: str = scope["state"]["address"]
    return found


def _name(actor: Actor) -> str:
    return f"{actor.organization_id}/{actor.kind}/{actor.subject}"


def _hour_of(actor: Actor) -> RateLimit:
    return RateLimit(actor.rate_limit_per_hour or REQUESTS_PER_HOUR, HOUR_SECONDS)


def _minute(amount: int) -> RateLimit:
    return RateLimit(amount, MINUTE_SECONDS)
