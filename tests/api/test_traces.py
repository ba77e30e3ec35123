"""One trace, from the caller's request to the provider's call and back into every event."""

from pydantic import SecretStr
from sqlalchemy import text

from app.settings import Settings
from gateway.traces import trace_id_of
from tests.api.asking import START, finish, workflow_id
from tests.servers.openai_process import OpenAIServer
from tests.studio import serving

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


async def test_a_callers_trace_reaches_the_run_its_events_and_the_provider(
    settings: Settings, database_url: str, openai_server: OpenAIServer
) -> None:
    openai = {"openai_api_key": SecretStr("sk-test"), "openai_base_url": openai_server.base_url}
    async with serving(settings.model_copy(update=openai), database_url) as client:
        given = {"workflowId": await workflow_id(client), "inputs": {"prompt": "A red kite"}}
        asked = {"query": START, "variables": {"input": given}}
        answer = await client.http.post("/graphql", json=asked, headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})
        run = answer.json()["data"]["startRun"]["run"]
        assert (answer.headers["x-trace-id"], run["traceId"]) == (TRACE, TRACE)
        assert (await finish(client, run["id"]))["status"] == "SUCCEEDED"
        async with client.parts.engine.connect() as connection:
            events = (await connection.execute(text("SELECT trace_id FROM events WHERE run_id IS NOT NULL"))).scalars()
            assert set(events) == {TRACE}
    calls = await openai_server.requests()
    assert calls
    assert {trace_id_of(call["traceparent"]) for call in calls} == {TRACE}
    spans = {call["traceparent"].split("-")[2] for call in calls}
    assert len(spans) == len(calls)
    assert SPAN not in spans
