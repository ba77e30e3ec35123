"""`prompt`: a text written from a template over the run's inputs and what flows in."""

import json
import re
from collections.abc import Collection, Iterable
from typing import Any

from domain.errors import InvalidInput
from domain.kinds.kind import NodeKind, Port, StepResult, Work, settings

LONGEST_WRITTEN = 32_000

_PLACEHOLDER = re.compile(r"\{\{([^{}]*)\}\}")
_INCOMING = "text"
_MOST_TOLD = 20


async def run(work: Work) -> StepResult:
    return StepResult(outputs={"text": written(work.config["template"], {**work.given, **work.inputs})})


def written(template: str, values: dict[str, Any]) -> str:
    """The template with its placeholders filled in; what a value holds is text, never a placeholder."""
    names = [name.strip() for name in _PLACEHOLDER.findall(template)]
    texts = {name: _as_text(values.get(name)) for name in names}
    # Counted before it is written: a few placeholders of a long text would fill the memory.
    if len(template) + sum(len(texts[name]) for name in names) > LONGEST_WRITTEN:
        raise InvalidInput(f"The prompt would be longer than {LONGEST_WRITTEN:,} characters", field="config.template")
    return _PLACEHOLDER.sub(lambda found: texts[found[1].strip()], template)


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def unknown_names(config: dict[str, Any], inputs: Collection[str]) -> Iterable[str]:
    named = (name.strip() for name in _PLACEHOLDER.findall(config["template"]))
    unknown = [name for name in dict.fromkeys(named) if name != _INCOMING and name not in inputs]
    known = ", ".join([_INCOMING, *sorted(inputs)[:_MOST_TOLD]]) if unknown else ""
    for name in unknown:
        yield f"config.template: '{{{{{name[:80]}}}}}' names no input; known: {known}"


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
