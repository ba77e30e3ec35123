"""A studio that makes film shots, and what it asks for."""

from dataclasses import dataclass
from typing import Any

from domain.images import Image
from domain.shots.batch import ShotBatch
from domain.shots.logs import LogLine
from domain.shots.shot import Shot, ShotStatus
from tests.engine.crew import until
from tests.servers.comfyui_process import ComfyUIProcess
from tests.studio import Client, Tenant

# The payload of the specification, as GraphQL has it.
SEED: dict[str, Any] = {
    "season": "S02",
    "episode": "E202",
    "sequences": [{"sequenceId": "SQ0010", "plans": ["0010", "0020", "0030"]}],
    "style": "ombres_chinoises",
    "workflowJson": "OmbresChinoises.json",
    "params": {"steps": 3, "cfg": 7.5, "lora_strength": 0.9},
    "mode": "AUTO",
}
START = "mutation($input: StartShotBatchInput!) { startShotBatch(input: $input) { shotBatch { id status progress } } }"
BATCH = """
    query($id: ID!) {
        shotBatch(id: $id) {
            status progress cost pausedBecause
            counts { queued running waiting done error canceled }
            shots { nodes {
                id sequence plan fileName status progress attempt mode
                image { id fileName mimeType width height provider model cdnUrl } error { code message }
                files { name version image { id } }
            } }
            logs { nodes { level message shotId } }
        }
    }
"""


@dataclass(frozen=True, slots=True)
class Studio:
    client: Client
    owner: Tenant
    comfyui: ComfyUIProcess

    async def started(self, **changes: Any) -> str:
        """The id of a batch like the specification's."""
        given = {"projectId": self.owner.project_id, **SEED, **changes}
        answer = await self.client.ask(START, input=given)
        return str(answer["startShotBatch"]["shotBatch"]["id"])

    async def batch(self, id: str) -> Any:
        """What everybody sees of it."""
        return (await self.client.ask(BATCH, id=id))["shotBatch"]

    async def over(self, id: str) -> Any:
        """The same, once nothing more happens to it."""

        async def has_ended() -> bool:
            batch = await self.row(id)
            return batch.counts.ended == batch.counts.total

        await until(has_ended)
        return await self.batch(id)

    async def row(self, id: str) -> ShotBatch:
        found = await self.owner.parts.studio.reads.one(ShotBatch, self.owner.actor, id=id)
        assert found is not None
        return found

    async def shots(self, id: str) -> dict[str, Shot]:
        """By their labels, as SQ0010-0020."""
        found = await self.owner.parts.studio.reads.many(Shot, self.owner.actor, batch_id=id)
        return {shot.label: shot for shot in found}

    async def logs(self, id: str) -> list[str]:
        """Oldest first."""
        lines = await self.owner.parts.studio.reads.many(LogLine, self.owner.actor, batch_id=id)
        return [f"{line.level}: {line.message}" for line in reversed(lines)]

    async def rows(self, kind: type[Any]) -> list[Any]:
        """All of a noun that the project has, newest first."""
        return await self.owner.parts.studio.reads.many(kind, self.owner.actor, project_id=self.owner.project_id)

    async def images(self) -> list[Image]:
        return await self.rows(Image)

    async def until_shot(self, id: str, label: str, status: ShotStatus) -> Shot:
        async def has_status() -> bool:
            return (await self.shots(id))[label].status is status

        await until(has_status)
        return (await self.shots(id))[label]

    async def change(self, mutation: str, id: str, **more: Any) -> Any:
        """`retryShot(ShotInput)`, as the specification of the mutation has it."""
        name, _, kind = mutation.rstrip(")").partition("(")
        entity = "shotBatch" if "Batch" in name else "shot"
        query = f"mutation($input: {kind}!) {{ {name}(input: $input) {{ {entity} {{ id status }} }} }}"
        return (await self.client.ask(query, input={"id": id, **more}))[name][entity]
