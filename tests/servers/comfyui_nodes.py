"""The node classes the server knows, and what it says of them."""

from dataclasses import dataclass, field
from typing import Any

SEED_MAX = 0xFFFFFFFFFFFFFFFF
SIDE_MAX = 16384
SAMPLERS = ("euler", "euler_ancestral", "dpmpp_2m", "ddim")
SCHEDULERS = ("simple", "normal", "karras", "exponential")

CHECKPOINTS = ("madsea.safetensors", "labo.safetensors")
LORAS = ("ombres_chinoises.safetensors", "labo_lora.safetensors")


@dataclass(frozen=True, slots=True)
class Input:
    """`kind` is a type, or COMBO with `choices`: a tuple, or the name of a list the server was started with."""

    kind: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] | str = ()

    @property
    def config(self) -> dict[str, float]:
        return {name: value for name, value in (("min", self.low), ("max", self.high)) if value is not None}


@dataclass(frozen=True, slots=True)
class NodeClass:
    inputs: dict[str, Input]
    outputs: tuple[str, ...] = ("IMAGE",)
    is_output: bool = False
    category: str = "image"
    hidden: dict[str, str] = field(default_factory=dict)


def _side(low: int = 1) -> Input:
    return Input("INT", low, SIDE_MAX)


IMAGE, LATENT, MODEL, CLIP, VAE = (Input(kind) for kind in ("IMAGE", "LATENT", "MODEL", "CLIP", "VAE"))
_BATCH = Input("INT", 1, 4096)
_STRENGTH = Input("FLOAT", -100.0, 100.0)
_PNG_INFO = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}

NODE_CLASSES: dict[str, NodeClass] = {
    "EmptyImage": NodeClass(
        {"width": _side(), "height": _side(), "batch_size": _BATCH, "color": Input("INT", 0, 0xFFFFFF)}
    ),
    "LoadImage": NodeClass({"image": Input("COMBO", choices="input")}, ("IMAGE", "MASK")),
    "SaveImage": NodeClass({"images": IMAGE, "filename_prefix": Input("STRING")}, is_output=True, hidden=_PNG_INFO),
    "PreviewImage": NodeClass({"images": IMAGE}, is_output=True, hidden=_PNG_INFO),
    "SaveImageWebsocket": NodeClass({"images": IMAGE}, (), is_output=True, category="api/image"),
    "CheckpointLoaderSimple": NodeClass(
        {"ckpt_name": Input("COMBO", choices="checkpoints")}, ("MODEL", "CLIP", "VAE"), category="loaders"
    ),
    "LoraLoader": NodeClass(
        {
            "model": MODEL,
            "clip": CLIP,
            "lora_name": Input("COMBO", choices="loras"),
            "strength_model": _STRENGTH,
            "strength_clip": _STRENGTH,
        },
        ("MODEL", "CLIP"),
        category="loaders",
    ),
    "CLIPTextEncode": NodeClass({"text": Input("STRING"), "clip": CLIP}, ("CONDITIONING",), category="conditioning"),
    "EmptyLatentImage": NodeClass(
        {"width": _side(16), "height": _side(16), "batch_size": _BATCH}, ("LATENT",), category="latent"
    ),
    "KSampler": NodeClass(
        {
            "model": MODEL,
            "seed": Input("INT", 0, SEED_MAX),
            "steps": Input("INT", 1, 10000),
            "cfg": Input("FLOAT", 0.0, 100.0),
            "sampler_name": Input("COMBO", choices=SAMPLERS),
            "scheduler": Input("COMBO", choices=SCHEDULERS),
            "positive": Input("CONDITIONING"),
            "negative": Input("CONDITIONING"),
            "latent_image": LATENT,
            "denoise": Input("FLOAT", 0.0, 1.0),
        },
        ("LATENT",),
        category="sampling",
    ),
    "VAEEncode": NodeClass({"pixels": IMAGE, "vae": VAE}, ("LATENT",), category="latent"),
    "VAEDecode": NodeClass({"samples": LATENT, "vae": VAE}, category="latent"),
    "LabSlow": NodeClass(
        {
            "image": IMAGE,
            "steps": Input("INT", 1, 1000),
            "delay": Input("FLOAT", 0.0, 60.0),
            "preview": Input("BOOLEAN"),
            "check_interrupt": Input("BOOLEAN"),
        },
        category="lab",
    ),
    "LabError": NodeClass({"image": IMAGE, "msg": Input("STRING")}, category="lab"),
    "LabBlock": NodeClass({"image": IMAGE, "msg": Input("STRING")}, category="lab"),
}


def object_info(name: str, lists: dict[str, list[str]]) -> dict[str, Any]:
    """What GET /object_info says of one class."""
    node = NODE_CLASSES[name]
    required = {key: _described(value, lists) for key, value in node.inputs.items()}
    inputs: dict[str, dict[str, Any]] = {"required": required}
    if node.hidden:
        inputs["hidden"] = node.hidden
    return {
        "input": inputs,
        "input_order": {kind: list(named) for kind, named in inputs.items()},
        "is_input_list": False,
        "output": list(node.outputs),
        "output_is_list": [False] * len(node.outputs),
        "output_name": list(node.outputs),
        "name": name,
        "display_name": name,
        "description": "",
        "python_module": "custom_nodes.lab_nodes" if name.startswith("Lab") else "nodes",
        "category": node.category,
        "output_node": node.is_output,
    }


def choices_of(wanted: Input, lists: dict[str, list[str]]) -> list[str]:
    return lists[wanted.choices] if isinstance(wanted.choices, str) else list(wanted.choices)


def _described(wanted: Input, lists: dict[str, list[str]]) -> list[Any]:
    if wanted.kind == "COMBO":
        return [choices_of(wanted, lists), {"image_upload": True} if wanted.choices == "input" else {}]
    return [wanted.kind, wanted.config]
