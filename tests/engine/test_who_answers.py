"""Who may answer a form, and what becomes of it when many do at once."""

import asyncio
import random
from dataclasses import replace
from typing import Any

from app.parts import Parts
from domain.errors import DomainError
from domain.permissions import Role
from domain.ports import Command
from domain.projects import CreateProject
from domain.run_commands import CancelRun
from domain.waiting import SubmitStep, may_answer
from tests.engine.crew import a_worker, events_of, run_of, statuses_of, work_off
from tests.engine.reviews import a_review, code_of, form_of, key_with, person, submit, waiting
from tests.studio import Tenant, tenant


async def test_people_and_keys_answer_alike_where_they_may(parts: Parts) -> None:
    owner = await tenant(parts)
    callers = [
        *[await person(owner, "ada", role) for role in (Role.OWNER, Role.EDITOR, Role.REVIEWER)],
        owner,
        await key_with(owner, "steps:submit"),
    ]
    for who in callers:
        step = await waiting(owner, await a_review(owner))
        assert may_answer(who.actor, step)
        assert (await submit(who, step)).status == "RUNNING"


async def test_a_token_alone_is_never_enough(parts: Parts) -> None:
    owner, rival = await tenant(parts), await tenant(parts, "rival", "spy")
    run = await a_review(owner)
    step = await waiting(owner, run)
    other_project = await owner.do(CreateProject(name="Shop"))
    confined = replace(owner, actor=replace(owner.actor, project_id=other_project.id))
    for who in (await person(owner, "eve", Role.VIEWER), await key_with(owner, "runs:read", "runs:start")):
        assert not may_answer(who.actor, step)
        assert await code_of(submit(who, step)) == "FORBIDDEN"
    for who in (rival, confined):
        assert await code_of(submit(who, step)) == "NOT_FOUND"
    await waiting(owner, run)


async def test_who_is_asked_by_name_answers_alone_but_for_the_owner(parts: Parts) -> None:
    owner = await tenant(parts)
    ada, ben = await person(owner, "ada"), await person(owner, "ben", Role.EDITOR)
    key = await key_with(owner, "steps:submit", "runs:start")
    mine, owners = [await waiting(owner, await a_review(owner, assignee="ada")) for _ in range(2)]
    for who in (ben, key):
        assert not may_answer(who.actor, mine)
        assert await code_of(submit(who, mine)) == "FORBIDDEN"
    await submit(ada, mine)
    assert await code_of(submit(ben, mine)) == "FORBIDDEN"
    await submit(await person(owner, "eva", Role.OWNER), owners)

    by_key = await waiting(owner, await a_review(owner, assignee=key.actor.subject))
    assert await code_of(submit(ada, by_key)) == "FORBIDDEN"
    await submit(key, by_key)


async def test_of_twenty_answers_at_once_one_counts(parts: Parts) -> None:
    owner = await tenant(parts)
    words = {"type": "object", "properties": {"number": {"type": "integer"}}}
    run = await a_review(owner, form=words, onReject="continue")
    step, before = await waiting(owner, run), len(await events_of(owner, run))
    people = [await person(owner, f"p{number}") for number in range(20)]
    answers = await asyncio.gather(
        *(
            submit(who, step, ("approve", "reject")[number % 2], values={"number": number // 2})
            for number, who in enumerate(people)
        ),
        return_exceptions=True,
    )
    refused = [answer for answer in answers if isinstance(answer, DomainError)]
    assert [error.code for error in refused] == ["STEP_NOT_WAITING"] * 19
    assert [event.event.event for event in (await events_of(owner, run))[before:]].count("step.updated") <= 2
    await work_off(parts, a_worker(parts))
    assert (await run_of(owner, run)).status == "SUCCEEDED"


async def test_of_twenty_that_say_the_same_at_once_all_are_answered_and_one_recorded(parts: Parts) -> None:
    owner = await tenant(parts)
    run = await a_review(owner)
    step = await waiting(owner, run)
    runs = await asyncio.gather(*(submit(owner, step) for _ in range(20)))
    assert len({(one.id, one.version) for one in runs}) == 1
    await work_off(parts, a_worker(parts))
    assert (await run_of(owner, run)).steps_done == 3


async def test_an_answer_and_a_cancel_in_the_same_moment_leave_one_ending(parts: Parts) -> None:
    owner = await tenant(parts)
    statuses = set()
    for _ in range(20):
        run = await a_review(owner, onReject="continue")
        step = await waiting(owner, run)
        answer = SubmitStep(step_id=step.id, token=form_of(step).token, decision="reject")
        await asyncio.gather(_soon(owner, CancelRun(id=run.id)), _soon(owner, answer), return_exceptions=True)
        done = await run_of(owner, run)
        statuses.add(done.status)
        told = [envelope.event.event for envelope in await events_of(owner, run)]
        assert (told.count("run.completed"), told.count("run.canceled")).count(1) == 1
        assert done.steps_waiting == 0
        assert set((await statuses_of(owner, run)).values()) <= {"SUCCEEDED", "SKIPPED", "CANCELED"}
    assert len(statuses) == 2, "the race was never close"


async def _soon(owner: Tenant, command: Command[Any]) -> None:
    await asyncio.sleep(random.uniform(0, 0.01))  # noqa: S311 - any moment will do
    await owner.do(command)
