"""Shots and batches on the stream, and ComfyUI's graphs in workflows of one's own."""

from typing import Any

import pytest

from domain.assets import AssetType, CreateAsset
from domain.projects import Project
from domain.shots.examples import example_graph
from tests.engine.crew import a_run, edges, finished, images_of, node, steps_of
from tests.shots.crew import Studio

pytestmark = pytest.mark.asyncio(loop_scope="module")

STREAM = """
    subscription($channels: [ChannelInput!]!, $after: String) {
        stream(channels: $channels, after: $after) {
            event payload
            subject { __typename ... on Shot { id fileName image { id } } ... on ShotBatch { id status } }
        }
    }
"""
CURSOR = "query($channels: [ChannelInput!]!) { snapshot(channels: $channels) { cursor } }"


async def test_each_change_of_a_batch_is_told_in_order_until_it_is_done(studio: Studio) -> None:
    channels = [{"name": "RUNS", "projectId": studio.owner.project_id}]
    after = (await studio.client.ask(CURSOR, channels=channels))["snapshot"]["cursor"]
    id_ = await studio.started()
    told: list[Any] = []
    async with studio.client.live() as live:
        async for answer in live.watch(STREAM, channels=channels, after=after):
            told.append(answer["stream"])
            payload = told[-1]["payload"]
            if told[-1]["event"] == "batch.updated" and payload["status"] == "DONE":
                break
    batches = [one["payload"] for one in told if one["event"] == "batch.updated"]
    assert [payload["version"] for payload in batches] == list(range(1, len(batches) + 1))
    assert (batches[0]["id"], batches[0]["status"], batches[0]["counts"]["queued"]) == (id_, "STARTED", 3)
    assert [payload["progress"] for payload in batches] == sorted(payload["progress"] for payload in batches)
    shots: dict[str, list[Any]] = {}
    for one in told:
        if one["event"] == "shot.updated":
            shots.setdefault(one["payload"]["id"], []).append(one["payload"])
    assert len(shots) == 3
    for payloads in shots.values():
        versions = [payload["version"] for payload in payloads]
        assert versions == sorted(set(versions))
        assert [payload["status"] for payload in payloads][-1] == "DONE"
    last = next(one for one in reversed(told) if one["event"] == "shot.updated")
    assert (last["subject"]["__typename"], last["subject"]["image"] is not None) == ("Shot", True)


async def test_a_node_of_a_workflow_runs_the_graph_of_an_asset(studio: Studio) -> None:
    project = await studio.owner.parts.studio.reads.one(Project, studio.owner.actor, id=studio.owner.project_id)
    assert project is not None
    example = example_graph(project, "OmbresChinoises.json")
    assert example is not None
    asset = await studio.owner.do(
        CreateAsset(
            project_id=project.id,
            type=AssetType.FILE,
            label="Mine",
            content=example.content,
            metadata=example.metadata,
        )
    )
    nodes = [
        node("ask", "input", name="prompt"),
        node("draw", "comfyui", asset=asset.id, values={"steps": 2}),
        node("show", "output", name="image"),
    ]
    run = await finished(
        studio.owner, await a_run(studio.owner, nodes, edges("ask>draw.prompt", "draw.image>show"), prompt="Junks")
    )
    assert run.status == "SUCCEEDED", run.error
    (image,) = await images_of(studio.owner, run)
    assert (image.provider, run.outputs["image"]["imageId"]) == ("comfyui", image.id)
    (prompt,) = await studio.comfyui.prompts()
    assert (prompt["graph"]["3"]["inputs"]["text"], prompt["graph"]["6"]["inputs"]["steps"]) == ("Junks", 2)
    assert (await steps_of(studio.owner, run))["draw"].progress == 1.0
