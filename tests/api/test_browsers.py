"""What pages in a browser may do: ours, those of allowed origins, and those of everybody else."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from websockets.exceptions import InvalidStatus

from tests.api.asking import send, told
from tests.api.talking import acknowledged, talking
from tests.conftest import fresh_database, settings_in
from tests.studio import Client, serving

STUDIO, EVIL = "https://studio.example", "https://evil.example"
QUERY = b'{"query":"{ viewer { kind } }"}'
CHANGE = 'mutation { createProject(input: {slug: "made", name: "Made"}) { project { id } } }'
SENT = "content-type,x-api-key,authorization,idempotency-key,traceparent,x-project-id"
TOLD = {
    "Location",
    "Content-Disposition",
    "Link",
    "Deprecation",
    "Preference-Applied",
    "X-Trace-Id",
    "Retry-After",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "RateLimit-Policy",
}
PATHS = ("/graphql", "/v1/graphql")


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A server that allows the pages of one other origin."""
    settings = settings_in(tmp_path_factory.mktemp("opened")).model_copy(update={"allowed_origins": (STUDIO,)})
    async with fresh_database() as database_url, serving(settings, database_url) as client:
        yield client


def preflight(origin: str, method: str = "POST") -> dict[str, str]:
    return {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": SENT}


@pytest.mark.parametrize("path", PATHS)
async def test_an_allowed_page_may_send_what_clients_send_and_read_what_they_need(opened: Client, path: str) -> None:
    asked = await opened.http.options(path, headers=preflight(STUDIO))
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == STUDIO
    assert set(SENT.split(",")) == {name.strip() for name in asked.headers["access-control-allow-headers"].split(",")}
    assert "POST" in asked.headers["access-control-allow-methods"]
    answer = await opened.http.post(path, content=QUERY, headers={"Origin": STUDIO, "Content-Type": "application/json"})
    assert answer.json()["data"] == {"viewer": {"kind": "api_key"}}
    assert answer.headers["access-control-allow-origin"] == STUDIO
    assert set(answer.headers["access-control-expose-headers"].split(", ")) == TOLD
    assert "access-control-allow-credentials" not in {*asked.headers, *answer.headers}


async def test_an_allowed_page_may_read_refusals_too(opened: Client) -> None:
    for path in ("/graphql", "/storage/nothing", "/nothing"):
        answer = await opened.http.get(path, headers={"Origin": STUDIO, "X-API-Key": "wrong"})
        assert answer.status_code in {401, 404}
        assert answer.headers["access-control-allow-origin"] == STUDIO


@pytest.mark.parametrize("origin", [EVIL, "null", f"{STUDIO}.evil.example", STUDIO.replace("https", "http")])
async def test_a_page_of_another_origin_may_neither_send_nor_read(opened: Client, origin: str) -> None:
    assert (await opened.http.options("/graphql", headers=preflight(origin))).status_code == 400
    answer = await opened.http.get("/graphql", params={"query": "{__typename}"}, headers={"Origin": origin})
    assert "access-control-allow-origin" not in answer.headers


async def test_without_a_setting_no_other_origin_is_allowed(client: Client) -> None:
    assert (await client.http.options("/graphql", headers=preflight(STUDIO))).status_code == 405
    answer = await client.http.get("/graphql", params={"query": "{__typename}"}, headers={"Origin": STUDIO})
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", PATHS)
async def test_nothing_is_changed_by_get(client: Client, path: str) -> None:
    answer = await client.http.get(path, params={"query": CHANGE})
    assert told(answer) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "POST"
    assert (await client.ask('{ project(slug: "made") { id } }'))["project"] is None


@pytest.mark.parametrize(
    "content_type",
    ["application/x-www-form-urlencoded", "text/plain", "text/plain; application/json", "multipart/form-data", ""],
)
async def test_what_a_form_can_send_without_asking_first_is_refused(client: Client, content_type: str) -> None:
    answer = await send(client, QUERY, content_type)
    assert told(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_no_answer_sets_a_cookie_and_none_lets_anyone_in(client: Client) -> None:
    answer = await client.http.post("/graphql", content=QUERY, headers={"Content-Type": "application/json"})
    assert "set-cookie" not in answer.headers
    key = client.http.headers.pop("x-api-key")
    cookie = {"Content-Type": "application/json", "Cookie": f"X-API-Key={key}; apiKey={key}"}
    assert told(await client.http.post("/graphql", content=QUERY, headers=cookie)) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize("origin", [EVIL, "null", f"{STUDIO}.evil.example"])
async def test_a_socket_is_refused_to_pages_of_other_origins(opened: Client, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with talking(opened, origin=origin):
            pass
    assert refused.value.response.status_code == 403
    for allowed in (STUDIO, opened.url):
        async with acknowledged(opened, origin=allowed) as talker:
            await talker.ask("1", "{ __typename }")
            assert (await talker.hear())["payload"]["data"] == {"__typename": "Query"}


@pytest.mark.parametrize("path", ["/graphiql", "/graphql"])
async def test_our_pages_are_framed_by_nobody_and_ask_for_nothing(client: Client, path: str) -> None:
    page = await client.http.get(path, headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "'unsafe-eval'" not in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cross-origin-opener-policy"] == "same-origin"
    assert page.headers["cross-origin-resource-policy"] == "same-origin"
    assert {"camera=()", "microphone=()", "geolocation=()"} <= set(page.headers["permissions-policy"].split(", "))
