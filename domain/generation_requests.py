"""How programs ask for pictures by one call."""

from dataclasses import dataclass

from domain import generation_jobs
from domain.built_ins import DRAW, ENHANCE, PROMPT, drawing, workflow_of
from domain.errors import InvalidInput
from domain.generation_jobs import COMPLETED, FAILED
from domain.ids import Id
from domain.kinds.enhance import TEMPLATES
from domain.kinds.generate_image import MOST_PICTURES
from domain.kinds.input_value import LONGEST_TEXT
from domain.launching import begin_run
from domain.permissions import Actor
from domain.pictures import Format, require_aspect_ratio
from domain.ports import Command, Transaction
from domain.projects import Project
from domain.runs import Run, RunPurpose
from domain.text import require_length
from domain.webhooks import callback_of


@dataclass(kw_only=True)
class RequestGenerationJob(Command[Run]):
    """
    Make `n` pictures (1 to 8) from a prompt, each of them new.

    With a `style`, one of the seven templates, the prompt is enhanced first. `format` is png, jpeg or webp: as the
    provider made them where it is left out. Without `project_id` the project that the key stands for is meant. How it
    ends is told to `callback`, signed with the project's callback secret.
    """

    project_id: Id | None = None
    prompt: str
    aspect_ratio: str = "1:1"
    n: int = 1
    style: str | None = None
    format: str | None = None
    callback: str | None = None

    def __post_init__(self) -> None:
        require_length(self.prompt, "prompt", longest=LONGEST_TEXT)
        require_aspect_ratio(self.aspect_ratio)
        if not 1 <= self.n <= MOST_PICTURES:
            raise InvalidInput(f"n must be 1 to {MOST_PICTURES}", field="n")
        for name, value, known in (("style", self.style, list(TEMPLATES)), ("format", self.format, list(Format))):
            if value is not None and value not in known:
                raise InvalidInput(f"{name} must be one of {', '.join(known)}", field=name)


async def request_generation_job(tx: Transaction, actor: Actor, command: RequestGenerationJob) -> Run:
    if command.callback is not None:
        tx.require_callable(command.callback, "callback")
    project = await tx.get(Project, actor.project_meant(command.project_id))
    built_in = drawing(enhanced=command.style is not None, from_images=False)
    workflow = await workflow_of(tx, project, built_in)
    draw = {"aspectRatio": command.aspect_ratio, "count": command.n}
    run = Run(
        organization_id=project.organization_id,
        project_id=project.id,
        workflow_id=workflow.id,
        workflow_version=workflow.version,
        purpose=RunPurpose.GENERATION_JOB,
        inputs={PROMPT: command.prompt},
        node_settings={
            DRAW: draw | ({"format": command.format} if command.format else {}),
            **({ENHANCE: {"template": command.style}} if command.style else {}),
        },
        fresh=True,
        steps_total=len(built_in.graph.nodes),
        trace_id=actor.trace_id,
        created_by=actor.subject,
    )
    await begin_run(tx, run, built_in.graph.with_settings(run.node_settings))
    tx.record(generation_jobs.requested(run))
    if command.callback is not None:
        tx.add(callback_of(project, run.id, command.callback, COMPLETED, FAILED))
    return run
