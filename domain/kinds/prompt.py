"""`prompt`: a text written from a template over the run's inputs and what flows in."""

import re
from collections.abc import Iterable
from typing import Any

from domain.kinds.kind import NodeKind, Port, StepResult, Work, settings

_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_INCOMING = "text"


async def run(work: Work) -> StepResult:
    values = {**work.run_inputs, _INCOMING: work.inputs.get(_INCOMING, "")}
    template: str = work.config["template"]
    return StepResult(outputs={"text": _PLACEHOLDER.sub(lambda found: _written(values.get(found[1])), template)})


def _written(value: Any) -> str:
    return "" if value is None else str(value)


def unknown_names(config: dict[str, Any], inputs: frozenset[str]) -> Iterable[str]:
    known = sorted({*inputs, _INCOMING})
    for name in dict.fromkeys(_PLACEHOLDER.findall(config["template"])):
        if name not in known:
            yield f"config.template: '{{{{{name[:80]}}}}}' names no input; known: {', '.join(known)}"


KIND = NodeKind(
    kind="prompt",
    title="Prompt",
    description="A text from a template: {{name}} is the run's input of that name, {{text}} what flows in.",
    inputs=(Port("text", "text", required=False),),
    outputs=(Port("text", "text"),),
    config_schema=settings(
        {
            "template": {
                "type": "string",
                "minLength": 1,
                "maxLength": 16_000,
                "title": "Template",
                "description": "Text with {{placeholders}}.",
            }
        },
        "template",
    ),
    run=run,
    further_problems=unknown_names,
)
