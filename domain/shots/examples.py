"""Two styles of shots and their graphs for ComfyUI, as examples: a project has its own copy once it uses one."""

from typing import Any

from domain.assets import Asset, AssetType
from domain.projects import Project

_PROMPTS: dict[str, tuple[str, dict[str, Any]]] = {
    "ombres_chinoises": (
        (
            "Chinese shadow theatre: black paper silhouettes in front of a backlit parchment screen, deep blue night "
            "sea, film still, episode {{episode}}, sequence {{sequence}}, plan {{plan}}"
        ),
        {
            "negative": "colours, photograph, text, watermark",
            "params": {"steps": 30, "cfg": 7.5, "lora_strength": 0.9},
        },
    ),
    "labo": (
        (
            "a 1920s laboratory, brass instruments, glass vessels, warm lamp light, film still, "
            "episode {{episode}}, sequence {{sequence}}, plan {{plan}}"
        ),
        {
            "negative": "people, text, watermark",
            "params": {"steps": 25, "cfg": 6.5, "lora_strength": 0.8},
        },
    ),
}


def _node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def _graph(lora: str) -> dict[str, Any]:
    """From words alone: a checkpoint with a LoRA of the style."""
    return {
        "1": _node("CheckpointLoaderSimple", ckpt_name="madsea.safetensors"),
        "2": _node(
            "LoraLoader", model=["1", 0], clip=["1", 1], lora_name=lora, strength_model=1.0, strength_clip=1.0
        ),
        "3": _node("CLIPTextEncode", clip=["2", 1], text=""),
        "4": _node("CLIPTextEncode", clip=["2", 1], text=""),
        "5": _node("EmptyLatentImage", width=1280, height=720, batch_size=1),
        "6": _node(
            "KSampler", model=["2", 0], positive=["3", 0], negative=["4", 0], latent_image=["5", 0], seed=0, steps=30,
            cfg=7.5, sampler_name="euler", scheduler="normal", denoise=1.0,
        ),
        "7": _node("VAEDecode", samples=["6", 0], vae=["1", 2]),
        "8": _node("SaveImage", images=["7", 0], filename_prefix="easel"),
    }  # fmt: skip


def _from_picture(lora: str) -> dict[str, Any]:
    """From the plan's own picture, drawn over."""
    graph = _graph(lora)
    graph["9"] = _node("LoadImage", image="")
    graph["5"] = _node("VAEEncode", pixels=["9", 0], vae=["1", 2])
    graph["6"]["inputs"]["denoise"] = 0.6
    return graph


_BINDINGS: dict[str, Any] = {
    "prompt": "3.text",
    "negative": "4.text",
    "seed": "6.seed",
    "steps": "6.steps",
    "cfg": "6.cfg",
    "denoise": "6.denoise",
    "lora_strength": ["2.strength_model", "2.strength_clip"],
}
_GRAPHS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "OmbresChinoises.json": (_graph("ombres_chinoises.safetensors"), {"bindings": _BINDINGS, "output": "8"}),
    "Labo.json": (
        _from_picture("labo.safetensors"),
        {"bindings": {**_BINDINGS, "source": "9.image"}, "output": "8"},
    ),
}
STYLES, GRAPHS = tuple(_PROMPTS), tuple(_GRAPHS)


def example_style(project: Project, name: str) -> Asset | None:
    """The style of this name as an asset of the project, not yet written; None where there is none."""
    return _asset(project, AssetType.PROMPT, name, *_PROMPTS[name]) if name in _PROMPTS else None


def example_graph(project: Project, name: str) -> Asset | None:
    """The same of a graph."""
    return _asset(project, AssetType.FILE, name, *_GRAPHS[name]) if name in _GRAPHS else None


def _asset(project: Project, type_: AssetType, label: str, content: Any, metadata: dict[str, Any]) -> Asset:
    return Asset(
        organization_id=project.organization_id,
        project_id=project.id,
        type=type_,
        label=label,
        content=content,
        metadata=metadata,
    )
