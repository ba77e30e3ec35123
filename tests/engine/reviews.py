"""Runs that wait for people, and the people who answer."""

from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domain.api_keys import IssueApiKey
from domain.claims import ClaimWork
from domain.errors import DomainError
from domain.forms import Claim, Form
from domain.permissions import Role
from domain.runs import Run
from domain.steps import Step
from domain.waiting import SubmitStep
from gateway.keys import new_key
from gateway.tokens import write_token
from tests.engine.crew import a_run, a_worker, as_engine, edges, node, steps_of, work_off
from tests.studio import Tenant


async def a_review(owner: Tenant, **config: Any) -> Run:
    """A run that shows someone a text and waits for what they say of it."""
    nodes = [
        node("ask", "input", name="prompt", type="text"),
        node("look", "human_review", **{"title": "Look", **config}),
        node("show", "output"),
    ]
    run = await a_run(owner, nodes, edges("ask>look.text", "look.text>show"), prompt="A red kite")
    await work_off(owner.parts, a_worker(owner.parts))
    return run


async def person(owner: Tenant, name: str, role: Role = Role.REVIEWER) -> Tenant:
    """The same tenant, as this member of the organization sees it."""
    token = write_token(
        owner.parts.secrets.token_key,
        subject=name,
        role=role,
        organization_id=owner.actor.organization_id,
        project_id=owner.project_id,
        valid=timedelta(hours=1),
    )
    return replace(owner, actor=await owner.parts.identity.of(None, token, "1" * 32))


async def key_with(owner: Tenant, *scopes: str) -> Tenant:
    """The same tenant, as a program with a key of these scopes sees it."""
    key = new_key()
    secret_hash = key.hashed(owner.parts.secrets.pepper)
    await as_engine(owner, IssueApiKey(name="Key", prefix=key.prefix, secret_hash=secret_hash, scopes=scopes))
    return replace(owner, actor=await owner.parts.identity.of(key.text, None, "2" * 32))


async def waiting(owner: Tenant, run: Run, name: str = "look") -> Step:
    step = (await steps_of(owner, run))[name]
    assert step.status == "WAITING"
    return step


def form_of(step: Step) -> Form:
    assert step.form is not None
    return step.form


async def submit(who: Tenant, step: Step, decision: str = "approve", **more: Any) -> Run:
    """Answer the form as it was when the step was read."""
    run: Run = await who.do(SubmitStep(step_id=step.id, token=form_of(step).token, decision=decision, **more))
    return run


async def claim(who: Tenant, step: Step, **more: Any) -> Claim:
    claimed: Claim = await who.do(ClaimWork(id=step.id, **more))
    return claimed


async def refusal(attempt: Awaitable[Any]) -> DomainError:
    with pytest.raises(DomainError) as refused:
        await attempt
    return refused.value


async def code_of(attempt: Awaitable[Any]) -> str:
    return str((await refusal(attempt)).code)


async def let_time_pass(owner: Tenant, step: Step) -> None:
    """The step is due, and whoever was on it no longer is."""
    async with owner.parts.engine.begin() as connection:
        await connection.execute(
            text("""
                UPDATE steps SET claim = claim || '{"expires_at": "2001-01-01T00:00:00Z"}',
                    due_at = CASE WHEN due_at IS NOT NULL THEN now() - interval '1 second' END WHERE id = :id
            """),
            {"id": step.id},
        )
