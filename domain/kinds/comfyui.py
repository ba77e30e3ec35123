"""`comfyui`: pictures from a graph that was made in ComfyUI."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from domain.comfyui_graphs import NEGATIVE, PROMPT, SEED, SOURCE, BoundGraph, require_values
from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.kinds.generate_image import kept
from domain.kinds.kind import NodeKind, Port, StepResult, Work, work_settings
from domain.kinds.prompt import text_of
from domain.pictures import Format
from domain.providers import GraphRequest

# Storing what was made comes after it: the last part of the progress.
MADE = 0.95

NOT_CONFIGURED = "No ComfyUI is connected to this server: set EASEL_COMFYUI_URL"


async def run(work: Work) -> StepResult:
    provider = work.toolbox.graph_provider
    if provider is None:
        raise DomainError(ErrorCode.PROVIDER_REFUSED, NOT_CONFIGURED)
    graph = graph_of(work.config, work.prompts)
    given = {PROMPT: work.inputs.get("prompt"), NEGATIVE: work.inputs.get("negative")}
    texts = {name: text_of(value, name) for name, value in given.items() if value is not None}
    values = {SEED: work.seed, **work.config.get("values", {}), **texts}
    sources = await _sources(work, graph)
    answer = await provider.run_graph(
        GraphRequest(
            graph=graph.filled_in({name: value for name, value in values.items() if name in graph.bindings}),
            output=graph.output,
            sources=sources,
            call=work.call,
            report=lambda progress: work.report(progress * MADE),
        )
    )
    terms = provider.graph_terms
    source = terms.digital_source.composite if sources else terms.digital_source
    told = replace(answer, pictures=tuple(replace(one, digital_source=source) for one in answer.pictures))
    images = await kept(told, work, terms.provider)
    several = [image.value for image in images]
    return StepResult(outputs={"image": several[0], "images": several}, images=images, cost=answer.cost)


async def _sources(work: Work, graph: BoundGraph) -> dict[tuple[str, str], bytes]:
    """The picture that came in, or that the settings name, at each place that loads it."""
    places, image = graph.places(SOURCE), work.inputs.get("image", work.config.get("image"))
    if image is None or not places:
        return {}
    ((_, data),) = await work.toolbox.read_images([image], work)
    return dict.fromkeys(places, data)


def graph_of(config: dict[str, Any], kept_texts: dict[str, str]) -> BoundGraph:
    """The graph that a node with this config runs: its own, or that of its asset as it was when the run was started."""
    if "asset" in config:
        return BoundGraph.from_text(kept_texts[config["asset"]])
    return BoundGraph.read(config["graph"], config, "config")


def graph_problems(config: dict[str, Any], inputs: Collection[str]) -> Iterable[str]:
    if ("asset" in config) == ("graph" in config):
        yield "config: say either the graph itself or the asset that has it"
        return
    try:
        require_values(config.get("values", {}), "config.values")
        if "graph" in config:
            unbound = graph_of(config, {}).unbound(config.get("values", {}))
            yield from (f"config.values.{name[:80]}: config.bindings does not say where it goes" for name in unbound)
    except InvalidInput as error:
        yield error.message


_ID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"

KIND = NodeKind(
    kind="comfyui",
    title="ComfyUI",
    description="Makes pictures by a graph that was exported from ComfyUI, with prompt, picture and values filled in.",
    inputs=(
        Port("prompt", "text", required=False),
        Port("negative", "text", required=False),
        Port("image", "image", required=False),
    ),
    outputs=(Port("image", "image"), Port("images", "image", list=True)),
    config_schema=work_settings(
        {
            "asset": {
                "type": "string",
                "pattern": _ID,
                "title": "Asset",
                "description": "The FILE asset whose content is the graph and whose metadata has bindings and output.",
            },
            "graph": {"type": "object", "title": "Graph", "description": "The graph in ComfyUI's API format."},
            "bindings": {
                "type": "object",
                "title": "Bindings",
                "description": "Which inputs are filled in, by name: prompt, negative, source, seed and your own.",
            },
            "output": {"type": "string", "title": "Output", "description": "The node whose pictures are wanted."},
            "values": {"type": "object", "title": "Values", "description": "What is filled in, by the binding's name."},
            "image": {
                "type": "string",
                "pattern": _ID,
                "title": "Image",
                "description": "The image that `source` loads where none flows in: its id.",
            },
            "format": {
                "enum": list(Format),
                "title": "Format",
                "description": "How the pictures are encoded; as ComfyUI made them when left out.",
            },
        }
    ),
    run=run,
    calls="graph",
    further_problems=graph_problems,
)
