"""`prompt`: a text written from a template over the run's inputs, PROMPT assets and what flows in."""

import json
import re
from collections.abc import Collection, Iterable
from typing import Any

from domain.errors import InvalidInput
from domain.kinds.kind import NodeKind, Port, StepResult, Work, settings

LONGEST_WRITTEN = 32_000

_ID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_PLACEHOLDER = re.compile(r"\{\{([^{}]*)\}\}")
_INCOMING = "text"
_MOST_TOLD = 20
_MOST_PROMPTS = 20


async def run(work: Work) -> StepResult:
    assets = {name: work.prompts[id_] for name, id_ in work.config.get("prompts", {}).items()}
    return StepResult(outputs={"text": written(work.config["template"], {**assets, **work.given, **work.inputs})})


def written(template: str, values: dict[str, Any]) -> str:
    """The template with its placeholders filled in; what a value holds is text, never a placeholder."""
    names = placeholders(template)
    texts = {name: _as_text(values.get(name)) for name in names}
    # Counted before it is written: a few placeholders of a long text would fill the memory.
    if len(template) + sum(len(texts[name]) for name in names) > LONGEST_WRITTEN:
        raise InvalidInput(f"The prompt would be longer than {LONGEST_WRITTEN:,} characters", field="config.template")
    return _PLACEHOLDER.sub(lambda found: texts[found[1].strip()], template)


def placeholders(template: str) -> list[str]:
    """The names that the template has placeholders for."""
    return [name.strip() for name in _PLACEHOLDER.findall(template)]


def text_of(value: Any, port: str) -> str:
    """What flowed into a text port: a text that a provider can be asked with."""
    if not isinstance(value, str):
        raise InvalidInput(f"'{port}' must be a text; a prompt node makes one of anything", field=f"inputs.{port}")
    if len(value) > LONGEST_WRITTEN:
        raise InvalidInput(f"'{port}' has more than {LONGEST_WRITTEN:,} characters", field=f"inputs.{port}")
    return value


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def name_problems(config: dict[str, Any], inputs: Collection[str]) -> Iterable[str]:
    """Placeholders that nothing fills in, and names that two things have."""
    prompts = config.get("prompts", {})
    for name in prompts:
        if name == _INCOMING or name in inputs:
            yield f"config.prompts: '{name}' is an input already: give the prompt another name"
    known = {_INCOMING, *prompts, *inputs}
    unknown = [name for name in dict.fromkeys(placeholders(config["template"])) if name not in known]
    told = ", ".join([_INCOMING, *sorted(known - {_INCOMING})[:_MOST_TOLD]]) if unknown else ""
    for name in unknown:
        yield f"config.template: '{{{{{name[:80]}}}}}' names no input; known: {told}"


KIND = NodeKind(
    kind="prompt",
    title="Prompt",
    description="A text from a template: {{name}} is an input of the run or a prompt asset, {{text}} what flows in.",
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
            },
            "prompts": {
                "type": "object",
                "maxProperties": _MOST_PROMPTS,
                "propertyNames": {"pattern": "^[a-zA-Z][a-zA-Z0-9_]{0,63}$"},
                "additionalProperties": {"type": "string", "pattern": _ID},
                "title": "Prompts",
                "description": "Ids of PROMPT assets, by the names that the template has for them.",
            },
        },
        "template",
    ),
    run=run,
    pure=True,
    further_problems=name_problems,
)
