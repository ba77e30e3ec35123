"""
What nodes make, as a toy: pictures whose pixels follow from all that went into them.

Two runs with the same inputs give the same pixels; another prompt, seed, strength or source picture gives others.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.servers.comfyui_nodes import NODE_CLASSES

PREVIEW_SIDE = 64
TILES = 8


@dataclass(frozen=True, slots=True)
class Value:
    """What travels along a link; `picture` is the file that LoadImage read, `color` what EmptyImage is filled with."""

    kind: str
    digest: str
    width: int = 512
    height: int = 512
    batch: int = 1
    picture: bytes | None = None
    color: int | None = None


@dataclass(frozen=True, slots=True)
class Blocked:
    """What stands in for a value behind an ExecutionBlocker; it is told of once."""

    message: str | None


def make(class_type: str, inputs: dict[str, Any], loaded: bytes | None = None) -> tuple[Any, ...]:
    """What a node puts out for its inputs; `loaded` is the file it reads."""
    if class_type in {"LabSlow", "SaveImage", "PreviewImage"}:
        return (_image(inputs.get("image", inputs.get("images"))),)
    if class_type == "LabBlock":
        return (Blocked(inputs["msg"]),)
    if class_type == "LoadImage":
        return _read(loaded or b"")
    width, height, batch = _size(inputs)
    made = Value("", _digest(class_type, inputs), width, height, batch)
    if class_type == "EmptyImage":
        made = replace(made, color=inputs["color"])
    return tuple(
        replace(made, kind=kind, digest=f"{slot}{made.digest}")
        for slot, kind in enumerate(NODE_CLASSES[class_type].outputs)
    )


def paint(value: Any, index: int = 0) -> Image.Image:
    """The picture at this place in the batch."""
    value = _image(value)
    if value.picture is not None:
        with Image.open(BytesIO(value.picture)) as picture:
            return picture.convert("RGB")
    if value.color is not None:
        return Image.frombytes("RGB", (1, 1), value.color.to_bytes(3)).resize((value.width, value.height))
    pixels = hashlib.shake_256(f"{value.digest}/{index}".encode()).digest(TILES * TILES * 3)
    return Image.frombytes("RGB", (TILES, TILES), pixels).resize((value.width, value.height), Image.Resampling.NEAREST)


def save(picture: Image.Image, path: Path, graph: dict[str, Any], pnginfo: dict[str, Any]) -> None:
    """A PNG with the graph and what came along, as text chunks."""
    texts = PngInfo()
    texts.add_text("prompt", json.dumps(graph))
    for name, value in pnginfo.items():
        texts.add_text(name, json.dumps(value))
    picture.save(path, "PNG", pnginfo=texts, compress_level=1)


def encoded(picture: Image.Image, image_format: str) -> bytes:
    written = BytesIO()
    picture.save(written, image_format)
    return written.getvalue()


def preview(digest: str, step: int) -> bytes:
    return encoded(paint(Value("IMAGE", digest, PREVIEW_SIDE, PREVIEW_SIDE), step), "JPEG")


def _image(value: Any) -> Value:
    if not isinstance(value, Value):
        raise TypeError(f"{type(value).__name__!r} object has no attribute 'shape'")
    return value


def _read(loaded: bytes) -> tuple[Value, Value]:
    with Image.open(BytesIO(loaded)) as picture:
        width, height = picture.size
        pixels = hashlib.sha256(picture.convert("RGBA").tobytes()).hexdigest()
    image = Value("IMAGE", pixels, width, height, picture=loaded)
    return image, Value("MASK", f"mask of {pixels}", width, height)


def _size(inputs: dict[str, Any]) -> tuple[int, int, int]:
    """What the node was told, or the size of what it works on."""
    if "width" in inputs:
        return inputs["width"], inputs["height"], inputs["batch_size"]
    sized = (v for v in inputs.values() if isinstance(v, Value) and v.kind in {"IMAGE", "LATENT"})
    source = next(sized, None)
    return (source.width, source.height, source.batch) if source else (512, 512, 1)


def _digest(class_type: str, inputs: dict[str, Any]) -> str:
    """Of the inputs the class knows: unknown ones, and where a picture is saved, change no pixel."""
    known = {name: inputs[name] for name in NODE_CLASSES[class_type].inputs}
    plain = {name: value.digest if isinstance(value, Value) else value for name, value in known.items()}
    return hashlib.sha256(json.dumps([class_type, plain], sort_keys=True).encode()).hexdigest()
