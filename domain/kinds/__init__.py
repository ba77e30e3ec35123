"""What a workflow can be built from: one file per kind, one table that the engine, the palette and validation read."""

from domain.kinds import (
    comfyui,
    condition,
    edit_image,
    enhance,
    generate_image,
    generate_text,
    human_review,
    input_value,
    map_items,
    output_value,
    prompt,
    transform_image,
)
from domain.kinds.kind import NodeKind

KINDS: dict[str, NodeKind] = {
    kind.kind: kind
    for kind in (
        input_value.KIND,
        prompt.KIND,
        enhance.KIND,
        generate_text.KIND,
        generate_image.KIND,
        edit_image.KIND,
        comfyui.KIND,
        transform_image.KIND,
        condition.KIND,
        map_items.KIND,
        human_review.KIND,
        output_value.KIND,
    )
}
