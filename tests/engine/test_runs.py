"""A run, from its start to its picture."""

from app.settings import Settings
from tests.conftest import SKETCH_SIDE_PIXELS
from tests.studio import serving

START = "mutation($input: StartRunInput!) { startRun(input: $input) { run { id status } } }"
WATCH = """
subscription($id: ID!) { runUpdated(id: $id) {
  status progress outputs metrics { stepsTotal stepsDone cost } steps { nodeId status outputs }
  images { id width height mimeType fileHash storageUrl cdnUrl provider }
} }
"""
WORKFLOWS = "{ project { workflows { nodes { id name } } } }"


async def test_a_run_is_watched_from_its_start_to_its_picture(settings: Settings, database_url: str) -> None:
    async with serving(settings, database_url) as client, client.live() as live:
        workflow = (await client.ask(WORKFLOWS))["project"]["workflows"]["nodes"][0]
        start = {"workflowId": workflow["id"], "inputs": {"prompt": "A red kite over the sea"}}
        started = (await client.ask(START, input=start))["startRun"]["run"]
        updates = [update["runUpdated"] async for update in live.watch(WATCH, id=started["id"])]

        last = updates[-1]
        assert last["status"] == "SUCCEEDED"
        assert [update["progress"] for update in updates] == sorted(update["progress"] for update in updates)
        assert {step["status"] for step in last["steps"]} == {"SUCCEEDED"}
        image = last["images"][0]
        assert last["outputs"] == {"image": {"imageId": image["id"], "fileHash": image["fileHash"]}}
        assert (image["width"], image["height"]) == (SKETCH_SIDE_PIXELS, SKETCH_SIDE_PIXELS * 9 // 16)
        assert image["provider"] == "sketch"
        for url in (image["storageUrl"], image["cdnUrl"]):
            answer = await client.http.get(url)
            assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
