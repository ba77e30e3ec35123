"""Sends what webhooks are to be told: takes what is due, sends it with no transaction open, records what came of it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog

from domain.commands import execute
from domain.errors import DomainError
from domain.permissions import engine_actor
from domain.ports import Begin
from domain.traces import traceparent_of
from domain.webhook_deliveries import RecordDelivery
from engine.outbound import Sender, Undelivered
from engine.webhook_signatures import signed_headers
from storage.deliveries import DueDeliveries, Taken

LOOK_SECONDS = 1.0  # how late a delivery is when its call was lost
UNWIND_SECONDS = 5.0
MARGIN_SECONDS = 15.0  # to record what came of an attempt, beyond the time that sending may take

log = structlog.get_logger(__name__)


class Deliverer:
    """
    `secret_of` tells the secret of a name and version; up to `at_once` messages are on their way at the same time.

    A sender that is killed between sending and recording has its message sent again, under the same id: receivers get
    it at least once.
    """

    def __init__(
        self, begin: Begin, due: DueDeliveries, sender: Sender, secret_of: Callable[[str, int], str], *, at_once: int
    ) -> None:
        self._begin = begin
        self._due = due
        self._sender = sender
        self._secret_of = secret_of
        self._given_seconds = sender.limit_seconds + MARGIN_SECONDS
        self._places = asyncio.Semaphore(at_once)
        self._called = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()

    def call(self) -> None:
        """Something may be due."""
        self._called.set()

    async def run(self) -> None:
        """For ever; what is under way when it is stopped may end soon, and is sent again where it does not."""
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._called.wait()
                self._called.clear()
                await self._send_all()
        finally:
            if self._sending:
                await asyncio.wait(self._sending, timeout=UNWIND_SECONDS)

    async def _send_all(self) -> None:
        """Whatever is due, as long as anything is."""
        while True:
            await self._places.acquire()
            taken = None
            try:
                taken = await self._due.take(self._given_seconds)
            except DomainError as error:
                log.warning("deliveries could not be looked for", error=error.message)
            except Exception:
                # Whatever it was, one that no longer looks would send nothing more.
                log.exception("deliveries could not be looked for")
            finally:
                if taken is None:
                    self._places.release()
            if taken is None:
                return
            task = asyncio.create_task(self.send(taken))
            self._sending.add(task)
            task.add_done_callback(self._sent)

    def _sent(self, task: "asyncio.Task[None]") -> None:
        self._sending.discard(task)
        self._places.release()
        self.call()  # there may be more for the endpoint that this one was for

    async def send(self, taken: Taken) -> None:
        """One attempt, and the record of what came of it."""
        delivery = taken.delivery
        actor = engine_actor(delivery.organization_id, delivery.trace_id)
        try:
            await execute(self._begin, actor, await self._attempt(taken))
        except DomainError as error:
            log.warning("a delivery was not recorded", delivery_id=delivery.id, error=error.message)
        except Exception:
            # It is sent again once it is due again; the others go on.
            log.exception("a delivery was not recorded", delivery_id=delivery.id)

    async def _attempt(self, taken: Taken) -> RecordDelivery:
        delivery, endpoint = taken.delivery, taken.endpoint
        body = delivery.body.encode()
        try:
            answer = await self._sender.post(endpoint.url, self._headers(taken, body), body)
        except Undelivered as failure:
            return RecordDelivery(delivery_id=delivery.id, epoch=delivery.epoch, error=failure.message)
        return RecordDelivery(
            delivery_id=delivery.id,
            epoch=delivery.epoch,
            response_status=answer.status,
            response_excerpt=answer.excerpt,
            retry_after=answer.retry_after,
        )

    def _headers(self, taken: Taken, body: bytes) -> dict[str, str]:
        delivery, endpoint = taken.delivery, taken.endpoint
        secrets = [self._secret_of(endpoint.secret_name, version) for version in endpoint.signing_versions(taken.now)]
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Easel",
            "traceparent": traceparent_of(delivery.trace_id),
            **signed_headers(delivery.message_id, body, taken.now, *secrets),
        }
        return {name: value for name, value in headers.items() if value}
