"""What callers of `/api/v1/generations` are answered when the image does not come, or not in time."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from app.settings import Settings
from tests.api_v1.calling import KEY, call, get, told
from tests.servers.openai_process import OpenAIServer
from tests.studio import Client, serving

AT_ONCE = {"Prefer": "respond-async"}
PROMPT = {"prompt": "A red kite", "autoEnhance": False}


@pytest.fixture
async def paying(settings: Settings, database_url: str, openai_server: OpenAIServer) -> AsyncIterator[Client]:
    """A server whose pictures cost one credit each, and whose enhanced prompts a tenth."""
    openai = {"openai_api_key": SecretStr("sk-test"), "openai_base_url": openai_server.base_url}
    async with serving(settings.model_copy(update=openai), database_url) as client:
        yield client


async def test_what_was_charged_is_told(paying: Client) -> None:
    answer = await call(paying, "POST", "/generations", {"prompt": "A red kite"})
    assert (answer.status_code, answer.json()["cost"]) == (201, "1.1")


async def test_a_generation_that_fails_meanwhile_is_answered_with_500_and_what_failed(
    paying: Client, openai_server: OpenAIServer
) -> None:
    await openai_server.script("policy")
    answer = await call(paying, "POST", "/generations", {**PROMPT, "alias": "@kite"}, headers=KEY)
    failed = answer.json()
    assert told(answer) == (500, "PROVIDER_REFUSED", None)
    assert (failed["status"], failed["outputImage"], failed["cost"]) == ("failed", None, None)
    assert failed["errorMessage"] == failed["error"]["message"]
    assert answer.headers["location"].endswith(failed["id"])
    again = await call(paying, "POST", "/generations", {**PROMPT, "alias": "@kite"}, headers=KEY)
    assert (again.status_code, again.content) == (500, answer.content)

    found = await get(paying, f"/generations/{failed['id']}")
    assert (found["status"], "error" in found) == ("failed", False)
    noted = await call(paying, "PUT", f"/generations/{failed['id']}", {"meta": {"seen": True}})
    assert (noted.status_code, noted.json()["status"]) == (200, "failed")
    retried = await call(paying, "POST", f"/generations/{failed['id']}/retry")
    assert (retried.status_code, retried.json()["status"], retried.json()["errorMessage"]) == (200, "success", None)
    assert retried.json()["outputImage"]["alias"] == "@kite"


async def test_at_the_time_limit_it_is_told_as_it_is(paying: Client, openai_server: OpenAIServer) -> None:
    await openai_server.script("slow")
    answer = await call(paying, "POST", "/generations", PROMPT, headers={"Prefer": "wait=1"})
    assert (answer.status_code, answer.headers["preference-applied"]) == (201, "wait=1")
    assert answer.json()["status"] == "processing"
    noted = await call(paying, "PUT", f"/generations/{answer.json()['id']}", {"meta": {"seen": True}})
    assert (noted.json()["status"], noted.json()["meta"]) == ("processing", {"seen": True})
    await openai_server.release()


async def test_who_waits_while_the_server_stops_is_told_how_it_stands(
    paying: Client, openai_server: OpenAIServer
) -> None:
    await openai_server.script("slow")
    asking = asyncio.create_task(call(paying, "POST", "/generations", PROMPT))
    await openai_server.requests(at_least=1)
    paying.parts.stopping.set()
    answer = await asking
    assert (answer.status_code, answer.json()["status"]) == (201, "processing")
    await openai_server.release()


async def test_who_waits_for_what_is_deleted_is_told_at_once(paying: Client, openai_server: OpenAIServer) -> None:
    await openai_server.script("slow")
    asking = asyncio.create_task(call(paying, "POST", "/generations", PROMPT))
    await openai_server.requests(at_least=1)
    (one,) = (await get(paying, "/generations"))["data"]
    await call(paying, "DELETE", f"/generations/{one['id']}")
    answer = await asyncio.wait_for(asking, 10)
    assert told(answer) == (404, "GENERATION_NOT_FOUND", None)
    await openai_server.release()


async def test_a_project_has_its_minute_here_too(settings: Settings, database_url: str) -> None:
    few = settings.model_copy(update={"project_requests_per_minute": 2})
    async with serving(few, database_url) as client:
        # Two to a minute: of five one is refused, even where a minute ends between them.
        answers = [await call(client, "POST", "/generations", PROMPT, headers=AT_ONCE) for _ in range(5)]
        assert {answer.status_code for answer in answers} == {201, 429}
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.headers["ratelimit-limit"] == "2"
        assert (await call(client, "POST", "/flows", {})).status_code == 201
