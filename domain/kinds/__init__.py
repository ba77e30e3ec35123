"""What a workflow can be built from: one file per kind, one table that the engine, the palette and validation read."""

from domain.kinds import enhance, generate_image, input_value, output_value, prompt
from domain.kinds.kind import NodeKind

KINDS: dict[str, NodeKind] = {
    kind.kind: kind for kind in (input_value.KIND, prompt.KIND, enhance.KIND, generate_image.KIND, output_value.KIND)
}
