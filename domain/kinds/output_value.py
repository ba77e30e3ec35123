"""`output`: a value that the run hands back."""

from domain.kinds.kind import ANY, NodeKind, Port, StepResult, Work, settings


async def run(work: Work) -> StepResult:
    return StepResult(outputs={"value": work.inputs["value"]})


KIND = NodeKind(
    kind="output",
    title="Output",
    description="A value that the run hands back under a name.",
    inputs=(Port("value", ANY),),
    outputs=(Port("value", ANY),),
    config_schema=settings(
        {
            "name": {
                "type": "string",
                "pattern": "^[a-zA-Z][a-zA-Z0-9_]{0,63}$",
                "title": "Name",
                "description": "What the value is called in the run's outputs; the node's id when left out.",
            }
        }
    ),
    run=run,
    pure=True,
)
