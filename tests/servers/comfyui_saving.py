"""What output nodes write: files with the names the real server would give them."""

import random
import string
from pathlib import Path
from typing import Any

from tests.servers.comfyui_folders import Folders, OutsideError
from tests.servers.comfyui_pictures import Value, encoded, paint, save
from tests.servers.comfyui_queue import Item


def save_images(folders: Folders, item: Item, class_type: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """One file for each picture of the batch; the node's output as history and `executed` show it."""
    kind = "output" if class_type == "SaveImage" else "temp"
    directory, stem = _place(folders, kind, inputs["filename_prefix"] if kind == "output" else _temp_prefix())
    directory.mkdir(parents=True, exist_ok=True)
    first = folders.next_counter(directory, stem)
    value = inputs["images"]
    names = [f"{stem}_{first + index:05}_.png" for index in range(value.batch if isinstance(value, Value) else 1)]
    for index, name in enumerate(names):
        save(paint(value, index), directory / name, item.graph, item.extra_data.get("extra_pnginfo") or {})
    relative = directory.relative_to(folders.root / kind)
    subfolder = "" if relative == Path() else str(relative)
    return {"images": [{"filename": name, "subfolder": subfolder, "type": kind} for name in names]}


def websocket_frames(value: Any) -> list[bytes]:
    pictures = (paint(value, index) for index in range(value.batch if isinstance(value, Value) else 1))
    return [encoded(picture, "PNG") for picture in pictures]


def _place(folders: Folders, kind: str, prefix: str) -> tuple[Path, str]:
    path = Path(prefix)
    try:
        return folders.inside(kind, str(path.parent)), path.name
    except OutsideError as error:
        raise RuntimeError(
            f"**** ERROR: Saving image outside the output folder is not allowed.\n full_output_folder: {error}"
        ) from error


def _temp_prefix() -> str:
    return "ComfyUI_temp_" + "".join(random.choices(string.ascii_lowercase, k=5))  # noqa: S311 - no secret
