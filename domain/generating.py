"""The run that makes a generation's image."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from domain.built_ins import DRAW, ENHANCE, PROMPT, REFERENCES, drawing, workflow_of
from domain.flows import flow_for
from domain.generations import Generation, GenerationStatus
from domain.images import Image
from domain.kinds.enhance import EnhancementTemplate
from domain.launching import begin_run
from domain.naming import is_free
from domain.permissions import Actor
from domain.pictures import Format
from domain.ports import Transaction
from domain.projects import Project
from domain.runs import Run, RunPurpose


async def make(
    tx: Transaction, actor: Actor, project: Project, generation: Generation, references: Sequence[Image]
) -> None:
    """Start the run; the generation is its, and the caller's to write. What the references are is settled here."""
    if generation.status is GenerationStatus.FAILED and generation.alias is not None:
        await _promise_alias(tx, generation, generation.alias)
    if generation.status is GenerationStatus.FAILED and generation.flow_alias is not None:
        await flow_for(tx, project, generation.flow_id, generation.flow_alias)  # there may be no room for it any more
    built_in = drawing(enhanced=generation.auto_enhance, from_images=bool(references))
    workflow = await workflow_of(tx, project, built_in)
    run = Run(
        organization_id=project.organization_id,
        project_id=project.id,
        workflow_id=workflow.id,
        workflow_version=workflow.version,
        purpose=RunPurpose.GENERATION,
        inputs={PROMPT: generation.original_prompt, **_values(references)},
        node_settings=_settings(generation),
        fresh=True,
        steps_total=len(built_in.graph.nodes),
        trace_id=actor.trace_id,
        created_by=actor.subject,
    )
    await begin_run(tx, run, built_in.graph.with_settings(run.node_settings))
    generation.run_id = run.id
    generation.prompt = generation.original_prompt
    generation.status, generation.error = GenerationStatus.PENDING, None
    generation.began_at = datetime.now(UTC)


async def _promise_alias(tx: Transaction, generation: Generation, alias: str) -> None:
    """The name it was to get was free again once it had failed: another may have it now."""
    if not await is_free(tx, generation.project_id, alias):
        generation.alias = None


def _values(references: Sequence[Image]) -> dict[str, Any]:
    return {REFERENCES: [image.value for image in references]} if references else {}


def _settings(generation: Generation) -> dict[str, dict[str, Any]]:
    """Of its nodes. What is made again in its place must not be taken over by other runs as it was before."""
    draw: dict[str, Any] = {"aspectRatio": generation.aspect_ratio, "cache": False}
    if generation.seed is not None:
        draw["seed"] = generation.seed
    if generation.live_key is not None:
        draw["format"] = str(Format.JPEG)
    enhance = {"template": str(generation.template or EnhancementTemplate.GENERAL)}
    return {DRAW: draw, **({ENHANCE: enhance} if generation.auto_enhance else {})}
