"""A place to run one node, with real providers and pictures that lie in memory."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from PIL import Image as Pillow

from domain.ids import new_id
from domain.images import Image, ImageSource, NewImage
from domain.kinds import KINDS
from domain.kinds.kind import Work
from domain.pictures import Change
from domain.providers import (
    Call,
    GeneratedPicture,
    GraphProvider,
    ImageAnswer,
    ImageProvider,
    ImageRequest,
    TextProvider,
)
from providers.changes import change_picture
from providers.pictures import read_picture
from providers.sketch.provider import Sketch


def told(kind: str, *names: str, **config: Any) -> list[str]:
    """What is wrong with these settings, where the run's inputs have these names."""
    return KINDS[kind].config_problems(config, names)


@dataclass
class Recording(Sketch):
    """The sketch provider, which remembers what it was asked."""

    asked: list[ImageRequest] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    async def make_images(self, request: ImageRequest) -> ImageAnswer:
        self.asked.append(request)
        return await super().make_images(request)


@dataclass
class Bench:
    """A toolbox whose pictures lie in memory."""

    image_provider: ImageProvider = field(default_factory=Sketch)
    text_provider: TextProvider = field(default_factory=Sketch)
    graph_provider: GraphProvider | None = None
    images: dict[str, tuple[Image, bytes]] = field(default_factory=dict)
    reported: list[float] = field(default_factory=list)
    kept: list[GeneratedPicture] = field(default_factory=list)

    async def read_images(self, values: Iterable[Any], work: Work) -> list[tuple[Image, bytes]]:
        return [self.images[value["imageId"]] for value in values]

    async def change_picture(self, data: bytes, change: Change) -> bytes:
        return await change_picture(data, change)

    async def keep_image(
        self, picture: GeneratedPicture, work: Work, *, model: str | None, provider: str | None
    ) -> NewImage:
        self.kept.append(picture)
        measured = await read_picture(picture.data)
        return NewImage(
            storage_key="key",
            file_name="picture",
            mime_type=measured.mime_type,
            file_size=len(measured.data),
            file_hash=measured.sha256,
            width=measured.width,
            height=measured.height,
            seed=picture.seed,
            model=model,
            provider=provider,
            meta=picture.meta,
        )

    def put(self, width: int, height: int, **fields: Any) -> dict[str, Any]:
        """A white picture, as it flows between nodes."""
        written = BytesIO()
        Pillow.new("RGB", (width, height), "white").save(written, "PNG")
        known: dict[str, Any] = {"storage_key": "k", "object_key": "k", "file_name": "f", "mime_type": "image/png"}
        known |= {"file_size": 1, "file_hash": "h"}
        ids = {"organization_id": new_id(), "project_id": new_id()}
        image = Image(source=ImageSource.UPLOADED, width=width, height=height, **{**known, **ids, **fields})
        self.images[image.id] = (image, written.getvalue())
        return {"imageId": image.id, "fileHash": image.file_hash}


def work_of(
    bench: Bench,
    config: dict[str, Any] | None = None,
    inputs: dict[str, Any] | None = None,
    given: dict[str, Any] | None = None,
    prompts: dict[str, str] | None = None,
) -> Work:
    return Work(
        **{name: new_id() for name in ("organization_id", "project_id", "run_id", "step_id")},
        config=config or {},
        inputs=inputs or {},
        given=given or {},
        prompts=prompts or {},
        seed=7,
        call=Call(trace_id="t"),
        toolbox=bench,
        report=bench.reported.append,
    )


async def done(kind: str, bench: Bench | None = None, **parts: Any) -> Any:
    """What a node of this kind makes of these parts of its work."""
    return await KINDS[kind].run(work_of(bench or Bench(), **parts))
