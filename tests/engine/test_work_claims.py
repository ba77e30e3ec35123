"""Who is on it: claims on waiting steps, how they end, and whom they keep out."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.parts import Parts
from domain.claims import LONGEST_SECONDS, ClaimWork, ReleaseClaim
from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.forms import Claim
from domain.ids import Id
from domain.permissions import Role
from tests.engine.crew import events_of, steps_of
from tests.engine.reviews import (
    a_review,
    claim,
    code_of,
    key_with,
    let_time_pass,
    person,
    refusal,
    submit,
    waiting,
)
from tests.studio import tenant


async def test_a_claim_is_told_and_keeps_all_others_out(parts: Parts) -> None:
    owner = await tenant(parts)
    ada, ben = await person(owner, "ada"), await person(owner, "ben", Role.EDITOR)
    run = await a_review(owner)
    step = await waiting(owner, run)
    held = await claim(ada, step, seconds=60)
    assert (held.by, held.expires_at - held.since) == ("ada", timedelta(seconds=60))
    last = (await events_of(owner, run))[-1].event
    assert (last.event, last.payload["claim"]["by"], last.payload["version"]) == (
        "step.updated",
        "ada",
        step.version + 1,
    )

    for attempt in (submit(ben, step), submit(owner, step), claim(ben, step)):
        refused = await refusal(attempt)
        assert (refused.code, refused.message.startswith("ada is on it until")) == (ErrorCode.CONFLICT, True)
    assert await code_of(ben.do(ReleaseClaim(id=step.id))) == "CONFLICT"
    await submit(ada, step)
    done = (await steps_of(owner, run))["look"]
    assert (done.status, done.claim) == ("SUCCEEDED", None)


async def test_without_a_claim_whoever_may_answers(parts: Parts) -> None:
    owner = await tenant(parts)
    step = await waiting(owner, await a_review(owner))
    assert (await submit(await person(owner, "ben"), step)).steps_waiting == 0


async def test_a_claim_is_made_longer_by_claiming_again(parts: Parts) -> None:
    owner = await tenant(parts)
    step = await waiting(owner, await a_review(owner))
    first, second = [await claim(owner, step, seconds=seconds) for seconds in (60, 3600)]
    assert second.since == first.since
    assert second.expires_at - first.expires_at > timedelta(minutes=58)


async def test_a_claim_ends_by_itself(parts: Parts) -> None:
    owner = await tenant(parts)
    ada, ben = await person(owner, "ada"), await person(owner, "ben")
    run = await a_review(owner)
    step = await waiting(owner, run)
    await claim(ada, step)
    await let_time_pass(owner, step)
    assert (await claim(ben, step)).by == "ben"
    assert await code_of(submit(ada, step)) == "CONFLICT"
    await let_time_pass(owner, step)
    await submit(ada, step)


async def test_a_claim_can_be_handed_over(parts: Parts) -> None:
    owner = await tenant(parts)
    ada, ben = await person(owner, "ada"), await person(owner, "ben")
    step = await waiting(owner, await a_review(owner))
    await claim(ada, step)
    assert (await claim(ada, step, hand_to="ben")).by == "ben"
    assert await code_of(submit(ada, step)) == "CONFLICT"
    assert await code_of(claim(ada, step)) == "CONFLICT"
    await submit(ben, step)


async def test_what_one_alone_is_asked_is_handed_to_nobody_else(parts: Parts) -> None:
    owner = await tenant(parts)
    ada = await person(owner, "ada")
    step = await waiting(owner, await a_review(owner, assignee="ada"))
    for who in (ada, owner):
        refused = await refusal(claim(who, step, hand_to="ben"))
        assert (refused.code, refused.details["field"]) == (ErrorCode.VALIDATION_ERROR, "handTo")
    await claim(owner, step, hand_to="ada")
    await submit(ada, step)


async def test_owners_and_keys_that_may_all_take_over(parts: Parts) -> None:
    owner = await tenant(parts)
    ada, eva = await person(owner, "ada"), await person(owner, "eva", Role.OWNER)
    step = await waiting(owner, await a_review(owner))
    for who in (eva, owner):
        await claim(ada, step)
        assert await code_of(submit(who, step)) == "CONFLICT"
        assert (await claim(who, step)).by == who.actor.subject
        assert await code_of(submit(ada, step)) == "CONFLICT"
        await who.do(ReleaseClaim(id=step.id))
    await submit(ada, step)


async def test_a_claim_that_is_released_keeps_nobody_out(parts: Parts) -> None:
    owner = await tenant(parts)
    ada, ben = await person(owner, "ada"), await person(owner, "ben")
    run = await a_review(owner)
    step = await waiting(owner, run)
    await claim(ada, step)
    await ada.do(ReleaseClaim(id=step.id))
    before = await events_of(owner, run)
    assert before[-1].event.payload["claim"] is None
    await ada.do(ReleaseClaim(id=step.id))
    assert await events_of(owner, run) == before
    await submit(ben, step)


async def test_of_ten_who_claim_at_once_one_is_on_it(parts: Parts) -> None:
    owner = await tenant(parts)
    step = await waiting(owner, await a_review(owner))
    people = [await person(owner, f"p{number}") for number in range(10)]
    found = await asyncio.gather(*(claim(who, step) for who in people), return_exceptions=True)
    (held,) = [one for one in found if isinstance(one, Claim)]
    assert [one.code for one in found if isinstance(one, DomainError)] == ["CONFLICT"] * 9
    await submit(people[int(held.by[1:])], step)


async def test_only_those_who_may_answer_may_claim(parts: Parts) -> None:
    owner, rival = await tenant(parts), await tenant(parts, "rival", "spy")
    step = await waiting(owner, await a_review(owner, assignee="ada"))
    eve, ben = await person(owner, "eve", Role.VIEWER), await person(owner, "ben", Role.EDITOR)
    for who in (eve, ben, await key_with(owner, "runs:read")):
        assert await code_of(claim(who, step)) == "FORBIDDEN"
        assert await code_of(who.do(ReleaseClaim(id=step.id))) == "FORBIDDEN"
    for command in (ClaimWork(id=step.id), ReleaseClaim(id=step.id)):
        assert await code_of(rival.do(command)) == "NOT_FOUND"
    assert (await claim(await person(owner, "ada"), step)).by == "ada"


async def test_what_does_not_wait_is_not_claimed(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_review(owner)
    step = await waiting(owner, run)
    await submit(owner, step)
    for name in ("ask", "look", "show"):
        id_ = (await steps_of(owner, run))[name].id
        for command in (ClaimWork(id=id_), ReleaseClaim(id=id_)):
            assert await code_of(owner.do(command)) == "STEP_NOT_WAITING"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"seconds": 0}, "seconds"),
        ({"seconds": -(2**31)}, "seconds"),
        ({"seconds": LONGEST_SECONDS + 1}, "seconds"),
        ({"hand_to": ""}, "handTo"),
        ({"hand_to": "x" * 201}, "handTo"),
        ({"hand_to": "x\u0000"}, "handTo"),
    ],
)
def test_a_claim_beyond_its_bounds_is_refused(given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        ClaimWork(id=Id("x"), **given)
    assert refused.value.details["field"] == field


async def test_a_claim_lasts_a_quarter_of_an_hour_where_nothing_is_said(parts: Parts) -> None:
    owner = await tenant(parts)
    step = await waiting(owner, await a_review(owner))
    held = await claim(owner, step, seconds=None)
    assert timedelta(minutes=14) < held.expires_at - datetime.now(UTC) < timedelta(minutes=16)
