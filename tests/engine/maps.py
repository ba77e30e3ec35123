"""Maps, and what they run for each item."""

from typing import Any

from domain.graphs import Node
from domain.ports import StepJob
from domain.runs import Run
from engine.worker import Worker
from tests.engine.crew import jobs_of, node, steps_of
from tests.studio import Tenant


def inner(id: str, kind: str, **config: Any) -> dict[str, Any]:
    """A node of a subgraph."""
    return {"id": id, "kind": kind, "config": config}


def subgraph(nodes: list[dict[str, Any]], *links: str) -> dict[str, Any]:
    """The settings of a map that runs these nodes; a link is `a>b` or `a.port>b.port`."""
    ends = (link.split(">") for link in links)
    return {"nodes": nodes, "edges": [{"source": source, "target": target} for source, target in ends]}


def a_map(id: str, nodes: list[dict[str, Any]], *links: str, **config: Any) -> Node:
    return node(id, "map", **subgraph(nodes, *links), **config)


def saying(template: str, *names: str, **config: Any) -> Node:
    """A map called `many` that writes one text for each item, over inputs of these names."""
    inputs = [inner(name, "input", name=name, type="json") for name in names]
    say = [inner("say", "prompt", template=template), inner("said", "output")]
    return a_map("many", [*inputs, *say], f"{names[0]}>say", "say>said", **config)


def drawing(**config: Any) -> Node:
    """A map called `many` that draws one picture for each item."""
    nodes = [inner("each", "input", name="each"), inner("draw", "generate_image", **config), inner("shown", "output")]
    return a_map("many", nodes, "each>draw", "draw>shown")


def listed(*names: str) -> list[Node]:
    """Run inputs of these names, each a list."""
    return [node(name, "input", name=name, type="json") for name in names]


async def work_up_to_copies(owner: Tenant, worker: Worker, run: Run, name: str) -> dict[str, StepJob]:
    """Do what comes before this node in all copies. The jobs that call to it come back, by its names there."""
    kept: dict[str, StepJob] = {}
    while jobs := await jobs_of(owner.parts):
        names = {step.id: step.node_id for step in (await steps_of(owner, run)).values()}
        for job in jobs:
            if names[job.step_id].endswith(f"/{name}"):
                kept[names[job.step_id]] = job
            else:
                await worker.do(job)
    return kept
