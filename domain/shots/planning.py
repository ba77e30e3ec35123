"""What a batch would be: the names of its files, all that is wrong with it, what it may cost."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from domain.assets import Asset
from domain.errors import DomainError, ErrorCode
from domain.ids import Id
from domain.money import require_credits
from domain.plain import plain, require_json_object
from domain.ports import Command, Transaction
from domain.problems import Problem
from domain.projects import Project
from domain.shots.files import names_taken, next_versions, nomenclature_of, sources_of
from domain.shots.making import missing_source, price_of
from domain.shots.name_fields import ShotTask
from domain.shots.names import ShotName, require_season_and_episode
from domain.shots.recipes import Recipe, find_recipe
from domain.shots.sequences import sequence_problems
from domain.shots.shot import BatchMode
from domain.text import NAME_LENGTH, require_length

EXTENSION = "png"


@dataclass(kw_only=True)
class ShotSequence:
    """A sequence, as SQ0010, and its plans, as 0010."""

    sequence_id: str
    plans: list[str]


@dataclass(kw_only=True)
class AskedBatch:
    """
    Which shots, and how. `workflow_json` is the label of the graph's FILE asset, `style` that of the PROMPT asset with
    its words. A batch that would cost more than `max_credits` pauses.
    """

    project_id: Id
    season: str
    episode: str
    sequences: list[ShotSequence]
    style: str
    workflow_json: str | None = None
    params: dict[str, Any] | None = None
    mode: BatchMode | None = BatchMode.AUTO
    max_credits: Decimal | None = None

    def require_sound(self) -> None:
        require_length(self.style, "style", longest=NAME_LENGTH)
        require_json_object({} if self.params is None else self.params, "params")
        if self.workflow_json is not None:
            require_length(self.workflow_json, "workflowJson", longest=NAME_LENGTH)
        if self.max_credits is not None:
            require_credits(self.max_credits, "maxCredits")

    @property
    def is_auto(self) -> bool:
        return self.mode is not BatchMode.MANUAL

    @property
    def plans(self) -> list[tuple[str, str]]:
        """Sequence and plan of every shot, in order."""
        return [(one.sequence_id, plan) for one in self.sequences for plan in one.plans]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotBatchPreview:
    """A dry run. `problems` are all that is wrong, those with single shots too; `quote` is in credits, at most."""

    file_names: list[str]
    problems: list[Problem]
    quote: Decimal


@dataclass(slots=True, kw_only=True)
class Plan:
    """
    What a batch would be; with any `problems` it does not start. What is `lacking` fails single shots of it. Of one
    problem alone, `field` may be where it is.
    """

    names: list[ShotName] = field(default_factory=list)
    file_names: list[str] = field(default_factory=list)
    recipe: Recipe | None = None
    copies: tuple[Asset, ...] = ()
    problems: list[Problem] = field(default_factory=list)
    lacking: list[Problem] = field(default_factory=list)
    price: Decimal = Decimal(0)
    field: str | None = None

    @property
    def preview(self) -> ShotBatchPreview:
        problems = [*self.problems, *self.lacking]
        return ShotBatchPreview(file_names=self.file_names, problems=problems, quote=self.price * len(self.file_names))

    def require_startable(self) -> None:
        if self.problems:
            first, more = self.problems[0], len(self.problems) - 1
            message = f"{first.message}{f' (and {more:,} more: see problems)' if more else ''}"
            named = {"field": self.field} if self.field and not more else {}
            raise DomainError(ErrorCode(first.code), message, problems=plain(self.problems[:100]), **named)


@dataclass(kw_only=True)
class PreviewShotBatch(Command[ShotBatchPreview]):
    """Say what a batch would be, without starting it."""

    start: AskedBatch


async def preview_shot_batch(tx: Transaction, actor: Any, command: PreviewShotBatch) -> ShotBatchPreview:
    project = await tx.get(Project, command.start.project_id)
    return (await plan_of(tx, project, command.start)).preview


async def plan_of(tx: Transaction, project: Project, asked: AskedBatch) -> Plan:
    plan = Plan(problems=list(_misnamed(asked)))
    if not plan.problems:
        await _name(tx, project, asked, plan)
    if asked.is_auto:
        await _find_recipe(tx, project, asked, plan)
    return plan


def _misnamed(asked: AskedBatch) -> Iterator[Problem]:
    try:
        require_season_and_episode(asked.season, asked.episode)
    except DomainError as error:
        yield Problem(code=ErrorCode.NOMENCLATURE_INVALID, message=error.message)
    told = sequence_problems([(one.sequence_id, one.plans) for one in asked.sequences])
    yield from (Problem(code=ErrorCode.NOMENCLATURE_INVALID, message=message) for message in told)


async def _name(tx: Transaction, project: Project, asked: AskedBatch, plan: Plan) -> None:
    """Each shot's name is the next version of it."""
    versions = await next_versions(tx, project, asked.episode, ShotTask.AI_CONCEPT, asked.plans)
    plan.names = [name_of(asked.season, asked.episode, one, versions[one]) for one in asked.plans]
    nomenclature = nomenclature_of(project)
    plan.file_names = [nomenclature.render(name) for name in plan.names]
    for name in await names_taken(tx, project, plan.file_names):
        message = f"'{name}' is the name of another file already: change the project's nomenclature"
        plan.problems.append(Problem(code=ErrorCode.CONFLICT, message=message))


def name_of(season: str, episode: str, plan: tuple[str, str], version: int, ext: str = EXTENSION) -> ShotName:
    """What the picture of a shot is called."""
    return ShotName(
        season=season,
        episode=episode,
        sequence=plan[0],
        plan=plan[1],
        task=ShotTask.AI_CONCEPT,
        version=version,
        ext=ext,
    )


async def _find_recipe(tx: Transaction, project: Project, asked: AskedBatch, plan: Plan) -> None:
    try:
        found = await find_recipe(tx, project, asked.style, asked.workflow_json, asked.params or {})
    except DomainError as error:
        plan.problems.append(Problem(code=error.code, message=error.message))
        plan.field = error.details.get("field")
        return
    plan.recipe, plan.copies, plan.price = found.recipe, found.copies, price_of(tx, found.recipe)
    labels = {"-".join(one) for one in asked.plans}
    for label in sorted(set(found.recipe.prompts) - labels):
        message = f"params.prompts: '{label[:80]}' is no shot of this batch; write it as SQ0010-0020"
        plan.problems.append(Problem(code=ErrorCode.VALIDATION_ERROR, message=message))
    if found.recipe.needs_source and plan.names:
        plan.lacking = await _lacking(tx, project, asked)


async def _lacking(tx: Transaction, project: Project, asked: AskedBatch) -> list[Problem]:
    there = await sources_of(tx, project.id, asked.episode, asked.plans)
    return [
        Problem(
            code=ErrorCode.IMAGE_NOT_FOUND,
            message=missing_source(project, asked.season, asked.episode, one),
            node_id="-".join(one),
        )
        for one in asked.plans
        if one not in there
    ]
