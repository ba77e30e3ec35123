"""Who is connected: looked at again and again, whatever the database does, and whatever becomes of one of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from domain.ids import new_id
from domain.permissions import Actor, ActorKind
from streams.sockets.attendance import ASKED_AT_ONCE, Attendance
from streams.sockets.closing import CloseCode, Closed
from tests.streams.following import until


def someone(expires_in: timedelta | None = None) -> Actor:
    expires_at = None if expires_in is None else datetime.now(UTC) + expires_in
    return Actor(
        subject=new_id(),
        kind=ActorKind.API_KEY,
        organization_id=new_id(),
        permissions=frozenset(),
        expires_at=expires_at,
    )


@dataclass(eq=False)
class Guest:
    """Somebody who is connected."""

    actor: Actor = field(default_factory=someone)
    idle_since: float | None = None
    sent_away: "asyncio.Future[CloseCode]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def close(self, code: CloseCode, reason: str) -> None:
        if not self.sent_away.done():
            self.sent_away.set_result(code)

    async def hears(self) -> CloseCode:
        async with asyncio.timeout(5):
            return await asyncio.shield(self.sent_away)


class Stubborn(Guest):
    """One that cannot be closed."""

    def close(self, code: CloseCode, reason: str) -> None:
        super().close(code, reason)
        raise RuntimeError("cannot")


class Keys:
    """Whom the database would let in: all but the revoked; while it hangs it tells nothing."""

    def __init__(self) -> None:
        self.revoked: set[str] = set()
        self.answers = asyncio.Event()
        self.answers.set()
        self.asked: list[str] = []
        self.at_once = self.most_at_once = 0

    async def still_valid(self, actor: Actor) -> bool:
        self.asked.append(actor.subject)
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            await self.answers.wait()
            await asyncio.sleep(0)  # whoever waited has a turn
        finally:
            self.at_once -= 1
        return actor.subject not in self.revoked


def attendance_of(keys: Keys, *, recheck_seconds: float = 0.02, most: int = 9) -> Attendance:
    return Attendance(keys.still_valid, recheck_seconds=recheck_seconds, idle_seconds=60, most=most, ask_seconds=0.1)


@asynccontextmanager
async def looking(attendance: Attendance, *guests: Guest) -> AsyncIterator[None]:
    for guest in guests:
        attendance.enter(guest)
    task = asyncio.create_task(attendance.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_who_is_revoked_is_sent_away_and_nobody_else() -> None:
    keys, revoked, other = Keys(), Guest(), Guest()
    keys.revoked.add(revoked.actor.subject)
    async with looking(attendance_of(keys), other, revoked):
        assert await revoked.hears() == CloseCode.NO_LONGER_VALID
    assert not other.sent_away.done()


async def test_whose_time_is_over_is_sent_away_while_the_database_hangs() -> None:
    keys, expired, idle = Keys(), Guest(someone(timedelta(seconds=0.1))), Guest(idle_since=0)
    keys.answers.clear()
    async with looking(attendance_of(keys), Guest(), expired, idle):
        assert await expired.hears() == CloseCode.NO_LONGER_VALID
        assert await idle.hears() == CloseCode.IDLE


async def test_while_the_database_hangs_it_is_asked_little_and_then_again() -> None:
    keys, guests = Keys(), [Guest() for _ in range(10 * ASKED_AT_ONCE)]
    keys.answers.clear()
    async with looking(attendance_of(keys), *guests):
        with capture_logs() as logs:
            await until(lambda: bool(logs))
        assert len(keys.asked) == ASKED_AT_ONCE
        assert "all stay" in logs[0]["event"]
        keys.revoked.add(guests[-1].actor.subject)
        keys.answers.set()
        assert await guests[-1].hears() == CloseCode.NO_LONGER_VALID
    assert [guest for guest in guests if guest.sent_away.done()] == guests[-1:]
    assert keys.most_at_once == ASKED_AT_ONCE


async def test_the_sockets_of_one_key_are_looked_at_once() -> None:
    keys, actor = Keys(), someone()
    guests = [Guest(replace(actor, trace_id=f"{number}")) for number in range(9)]
    keys.revoked.add(actor.subject)
    async with looking(attendance_of(keys, recheck_seconds=0.2), *guests):
        assert {await guest.hears() for guest in guests} == {CloseCode.NO_LONGER_VALID}
        assert keys.asked == [actor.subject]


async def test_one_that_cannot_be_closed_keeps_none_of_the_others() -> None:
    keys = Keys()
    revoked, idle = [Stubborn(), Guest()], [Stubborn(idle_since=0), Guest(idle_since=0)]
    keys.revoked |= {guest.actor.subject for guest in revoked}
    attendance = attendance_of(keys)
    with capture_logs() as logs:
        async with looking(attendance, *revoked, *idle):
            assert {await guest.hears() for guest in revoked} == {CloseCode.NO_LONGER_VALID}
            assert {await guest.hears() for guest in idle} == {CloseCode.IDLE}
            attendance.leave(revoked[0])
            late = Guest()
            keys.revoked.add(late.actor.subject)
            attendance.enter(late)
            assert await late.hears() == CloseCode.NO_LONGER_VALID
    assert {entry["event"] for entry in logs} == {"a socket could not be closed"}


async def test_nobody_enters_once_all_are_dismissed() -> None:
    attendance, here = attendance_of(Keys()), [Stubborn(), Guest()]
    for guest in here:
        attendance.enter(guest)
    attendance.dismiss()
    assert [await guest.hears() for guest in here] == [CloseCode.RESTART] * 2
    with pytest.raises(Closed) as refused:
        attendance.enter(Guest())
    assert refused.value.code is CloseCode.RESTART


async def test_who_left_counts_no_more_and_is_not_remembered() -> None:
    attendance, actor = attendance_of(Keys(), most=2), someone()
    one, two, three = (Guest(actor) for _ in range(3))
    attendance.enter(one)
    attendance.enter(two)
    with pytest.raises(Closed) as refused:
        attendance.enter(three)
    assert refused.value.code is CloseCode.TRY_AGAIN_LATER
    attendance.leave(one)
    attendance.leave(one)
    attendance.enter(three)
    for guest in (two, three):
        attendance.leave(guest)
    assert not attendance._counts
