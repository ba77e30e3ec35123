"""`edit_image`: pictures made from others and a prompt."""

from dataclasses import replace

from domain.errors import InvalidInput
from domain.kinds import generate_image
from domain.kinds.generate_image import made
from domain.kinds.kind import Port, StepResult, Work

MOST_REFERENCES = 8


async def run(work: Work) -> StepResult:
    values = work.inputs["images"]
    if not 1 <= len(values) <= MOST_REFERENCES:
        message = f"edit_image starts from 1 to {MOST_REFERENCES} images, and {len(values):,} came in"
        raise InvalidInput(message, field="inputs.images")
    references = await work.toolbox.read_images(values, work)
    return await made(work, tuple(data for _, data in references))


KIND = replace(
    generate_image.KIND,
    kind="edit_image",
    title="Edit image",
    description="Makes pictures from a prompt and from the images to start from.",
    inputs=(*generate_image.KIND.inputs, Port("images", "image", list=True)),
    run=run,
)
