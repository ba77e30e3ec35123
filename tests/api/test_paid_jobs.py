"""Generation jobs of a provider that asks money, and of servers with settings of their own."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from app.settings import Settings
from domain.accounts import GrantCredits
from domain.commands import execute
from domain.runs import Run
from tests.api.generating import PROMPT, ask_for, ended, job
from tests.engine.crew import events_of
from tests.servers.openai_process import OpenAIServer
from tests.studio import Client, Tenant, operator_of, serving, tenant

KEY = {"Idempotency-Key": "0123456789abcdef"}


@pytest.fixture
async def paying(settings: Settings, database_url: str, openai_server: OpenAIServer) -> AsyncIterator[Client]:
    """A server whose pictures cost one credit each, and whose enhanced prompts a tenth."""
    openai = {"openai_api_key": SecretStr("sk-test"), "openai_base_url": openai_server.base_url}
    async with serving(settings.model_copy(update=openai), database_url) as client:
        yield client


async def test_a_canceled_job_says_so(paying: Client, openai_server: OpenAIServer) -> None:
    await openai_server.script("slow")
    promised = (await ask_for(paying)).json()
    await openai_server.requests(at_least=1)
    await paying.ask("mutation($id: ID!) { cancelRun(input: {id: $id}) { outcome } }", id=promised["id"])
    over = await ended(paying, promised["id"])
    assert (over["status"], over["error"]["message"]) == ("failed", "The job was canceled")


async def test_who_waits_while_the_server_stops_is_told_where_to_look(
    paying: Client, openai_server: OpenAIServer
) -> None:
    await openai_server.script("slow")
    asking = asyncio.create_task(ask_for(paying, headers={"Prefer": "wait=60"}))
    await openai_server.requests(at_least=1)
    paying.parts.stopping.set()
    answer = await asking
    assert (answer.status_code, answer.json()["status"]) == (202, "processing")
    await openai_server.release()


async def _credits(client: Client) -> dict[str, str]:
    found = await client.ask("{ viewer { organization { credits { available held } } } }")
    credits_: dict[str, str] = found["viewer"]["organization"]["credits"]
    return credits_


async def test_what_it_costs_is_told_held_and_charged(paying: Client, openai_server: OpenAIServer) -> None:
    await openai_server.script("ok", "slow")
    promised = (await ask_for(paying, n=2, style="product")).json()
    assert promised["quote"] == {"total": "2.1"}
    await openai_server.requests(at_least=2)
    assert await _credits(paying) == {"available": "997.9", "held": "2"}
    await openai_server.release()
    assert (await ended(paying, promised["id"]))["cost"] == "2.1"
    assert await _credits(paying) == {"available": "997.9", "held": "0"}


async def test_a_job_that_fails_says_why_and_costs_nothing(paying: Client, openai_server: OpenAIServer) -> None:
    await openai_server.script("policy")
    answer = await ask_for(paying, headers={"Prefer": "wait=30"})
    failed = answer.json()
    assert (answer.status_code, failed["status"], failed["cost"], failed["assets"]) == (200, "failed", "0", [])
    assert (failed["error"]["code"], failed["quote"]) == ("PROVIDER_REFUSED", {"total": "1"})
    assert await _credits(paying) == {"available": "1000", "held": "0"}
    owner = await tenant(paying.parts)
    told = [envelope.event.event for envelope in await events_of(owner, await _run(owner, failed["id"]))]
    assert told[-2:] == ["run.failed", "generation_job.failed"]


async def test_without_credits_nothing_is_begun_and_a_repeat_is_told_the_same(paying: Client) -> None:
    owner = await tenant(paying.parts)
    async with paying.parts.engine.begin() as connection:
        await connection.execute(text("UPDATE accounts SET available = 1.5"))
    first = await ask_for(paying, headers=KEY, n=2)
    assert (first.status_code, first.headers["content-type"]) == (402, "application/problem+json")
    assert first.json().items() >= {"code": "INSUFFICIENT_CREDITS", "required": "2", "available": "1.5"}.items()
    await execute(paying.parts.database.begin, operator_of(owner), GrantCredits(amount=Decimal(10)))
    again = await ask_for(paying, headers=KEY, n=2)
    assert (again.status_code, again.content) == (402, first.content)
    assert (await ask_for(paying, n=2)).status_code == 202


async def test_the_job_is_recorded_with_what_queues_it_and_told_when_it_is_over(client: Client) -> None:
    owner, promised = await tenant(client.parts), (await ask_for(client, n=2)).json()
    await ended(client, promised["id"])
    run = await _run(owner, promised["id"])
    told = {envelope.event.event: envelope for envelope in await events_of(owner, run)}
    requested, completed = told["AIGenerationJobRequested"], told["generation_job.completed"]
    assert requested.seq < completed.seq
    assert requested.trace_id == promised["traceId"]
    assert requested.event.payload["inputs"] == {"prompt": PROMPT}
    assert completed.event.payload["assets"] == (await job(client, promised["id"]))["assets"]


async def _run(owner: Tenant, id_: str) -> Run:
    run = await owner.parts.studio.reads.one(Run, owner.actor, id=id_)
    assert run is not None
    return run


async def test_a_project_has_one_minute_however_its_id_is_spelt(settings: Settings, database_url: str) -> None:
    few = settings.model_copy(update={"project_requests_per_minute": 3})
    async with serving(few, database_url) as client:
        id_ = client.key.projectId
        spelt = [id_, id_.upper(), id_.title(), id_, id_.upper()]
        answers = [await ask_for(client, projectId=text) for text in spelt]
        assert [answer.status_code for answer in answers].count(202) == 3
        assert answers[-1].status_code == 429
        assert answers[-1].headers["ratelimit-limit"] == "3"
