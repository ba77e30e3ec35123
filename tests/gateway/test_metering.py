"""Requests of an hour: counted by a route in one line, and told in the headers of its answers."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, Router

from app.parts import Parts
from domain.api_keys import REQUESTS_PER_HOUR, CreateApiKey
from domain.errors import DomainError, ErrorCode
from domain.permissions import Role
from gateway.entrance import Entrance
from gateway.tokens import write_token
from tests.studio import Tenant, tenant

LIMIT = 3
TOLD = ("ratelimit-limit", "ratelimit-remaining", "retry-after")


@pytest.fixture
async def owner(parts: Parts) -> Tenant:
    return await tenant(parts)


@pytest.fixture
async def http(parts: Parts) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of two routes that count: one that answers, and one that fails."""

    async def counted(request: Request) -> JSONResponse:
        actor = await parts.identity.of_request(request)
        state = await parts.studio.meter.request(request.scope, actor)
        if request.url.path == "/failing":
            raise DomainError(ErrorCode.CONFLICT, "Not like this")
        return JSONResponse({"remaining": state.remaining})

    routes = [Route(path, counted) for path in ("/counted", "/failing")]
    transport = httpx2.ASGITransport(Entrance(Router(routes), 1_000))
    async with httpx2.AsyncClient(base_url="http://easel.test", transport=transport) as client:
        yield client


async def a_key(owner: Tenant, per_hour: int | None = LIMIT) -> dict[str, str]:
    made = await owner.do(CreateApiKey(name="Program", scopes=["runs:read"], rate_limit_per_hour=per_hour))
    return {"X-API-Key": made.secret}


def told(answer: httpx2.Response) -> tuple[str | None, ...]:
    return tuple(answer.headers.get(name) for name in TOLD)


async def test_a_key_has_as_many_requests_an_hour_as_it_says(owner: Tenant, http: httpx2.AsyncClient) -> None:
    key = await a_key(owner)
    allowed = [await http.get("/counted", headers=key) for _ in range(LIMIT)]
    assert [(answer.status_code, answer.json()) for answer in allowed] == [
        (200, {"remaining": left}) for left in (2, 1, 0)
    ]
    assert [told(answer) for answer in allowed] == [("3", "2", None), ("3", "1", None), ("3", "0", None)]
    refused = await http.get("/counted", headers=key)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (429, "RATE_LIMITED")
    assert error["message"] == f"Rate limit exceeded. Try again in {error['retryAfter']} seconds"
    assert told(refused) == ("3", "0", str(error["retryAfter"]))
    assert refused.headers["ratelimit-reset"] == refused.headers["retry-after"]
    assert 3_590 < error["retryAfter"] <= 3_600


async def test_another_key_has_requests_of_its_own(owner: Tenant, http: httpx2.AsyncClient) -> None:
    for key in (await a_key(owner, 1), await a_key(owner, 1)):
        assert [(await http.get("/counted", headers=key)).status_code for _ in range(2)] == [200, 429]


async def test_a_request_that_fails_counts_and_says_so(owner: Tenant, http: httpx2.AsyncClient) -> None:
    answer = await http.get("/failing", headers=await a_key(owner))
    assert (answer.status_code, told(answer)) == (409, ("3", "2", None))


async def test_a_limit_that_is_changed_holds_at_once(owner: Tenant, http: httpx2.AsyncClient) -> None:
    assert told(await http.get("/counted", headers=await a_key(owner, None)))[0] == str(REQUESTS_PER_HOUR)
    assert told(await http.get("/counted", headers=await a_key(owner, 1_000_000)))[:2] == ("1000000", "999999")


async def test_people_have_everybodys_limit_each_in_their_organization(parts: Parts, http: httpx2.AsyncClient) -> None:
    for organization in ("acme", "rival"):
        owner = await tenant(parts, organization)
        token = write_token(
            parts.secrets.token_key,
            subject="ada",
            role=Role.VIEWER,
            organization_id=owner.actor.organization_id,
            project_id=owner.project_id,
            valid=timedelta(hours=1),
        )
        answer = await http.get("/counted", headers={"Authorization": f"Bearer {token}"})
        assert told(answer) == (str(REQUESTS_PER_HOUR), str(REQUESTS_PER_HOUR - 1), None)
