"""`generate_text`: a text written from another, as the instructions say."""

from domain.kinds.kind import NodeKind, Port, StepResult, Work, work_settings
from domain.kinds.prompt import LONGEST_WRITTEN, text_of
from domain.providers import TextRequest


async def run(work: Work) -> StepResult:
    request = TextRequest(
        instructions=work.config["instructions"],
        text=text_of(work.inputs["text"], "text"),
        call=work.call,
    )
    answer = await work.toolbox.text_provider.write_text(request)
    return StepResult(outputs={"text": answer.text[:LONGEST_WRITTEN]}, cost=answer.cost)


KIND = NodeKind(
    kind="generate_text",
    title="Generate text",
    description="Writes a text from another one, as the instructions say.",
    inputs=(Port("text", "text"),),
    outputs=(Port("text", "text"),),
    config_schema=work_settings(
        {
            "instructions": {
                "type": "string",
                "minLength": 1,
                "maxLength": 4_000,
                "title": "Instructions",
                "description": "What to write, and how.",
            }
        },
        "instructions",
    ),
    run=run,
    calls="text",
    cacheable=True,
)
