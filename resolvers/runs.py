"""Runs: started, read, stopped."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from domain.circuits import Circuit, CircuitState
from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.events import Envelope
from domain.forms import Claim, Form
from domain.ids import Id
from domain.images import Image
from domain.quotes import Quote
from domain.run_commands import QuoteRun, StartRun
from domain.runs import Run
from domain.steps import Step, StepStatus
from domain.waiting import may_answer
from domain.workflows import Workflow
from resolvers.context import Info
from storage.pages import PageInfo, page_size
from streams.feeds.cursors import Cursors


async def run(info: Info, id: Id) -> Run | None:
    return await info.context.reads.one(Run, info.context.actor, id=id)


async def quote(info: Info, input: StartRun) -> Quote | None:
    """What the run would cost; None where there is no such workflow. Raises what starting it would."""
    try:
        return await info.context.execute(QuoteRun(start=input))
    except DomainError as error:
        if error.code is ErrorCode.WORKFLOW_NOT_FOUND and "field" not in error.details:
            return None
        raise


async def workflow_of(root: Run, info: Info) -> Workflow | None:
    return await info.context.load(Workflow, root.workflow_id)


async def retry_of(root: Run, info: Info) -> Run | None:
    return await info.context.load(Run, root.retry_of)


async def steps_of(root: Run, info: Info) -> list[Step]:
    return await info.context.load_many(Step, "run_id", root.id)


async def images_of(root: Run, info: Info) -> list[Image]:
    steps = await info.context.load_many(Step, "run_id", root.id)
    return await _images(info, sorted({id_ for step in steps for id_ in step.image_ids}))


async def _images(info: Info, ids: Sequence[Id]) -> list[Image]:
    found = await asyncio.gather(*(info.context.load(Image, id_) for id_ in ids))
    return [image for image in found if image is not None]


async def run_of_step(root: Step, info: Info) -> Run | None:
    return await info.context.load(Run, root.run_id)


async def images_of_step(root: Step, info: Info) -> list[Image]:
    return await _images(info, root.image_ids)


@dataclass(frozen=True, slots=True)
class HumanForm:
    """The open form of a step, as this viewer may see it."""

    step: Step
    form: Form
    token: str | None
    title: str
    instructions: str | None
    schema: dict[str, Any]
    decisions: list[str]
    fewest: int
    most: int
    assignee: str | None
    due_at: datetime | None


def form_of(root: Step, info: Info) -> HumanForm | None:
    if root.form is None or root.status is not StepStatus.WAITING:
        return None
    question = root.form.question
    return HumanForm(
        step=root,
        form=root.form,
        token=root.form.token if may_answer(info.context.actor, root) else None,
        title=question.title,
        instructions=question.instructions,
        schema=question.schema,
        decisions=list(question.decisions),
        fewest=question.fewest,
        most=question.most,
        assignee=question.assignee,
        due_at=root.due_at,
    )


def claim_of(root: Step) -> Claim | None:
    return root.claim if root.claim and root.claim.expires_at > datetime.now(UTC) else None


async def candidates_of(root: HumanForm, info: Info) -> list[Image]:
    return await _images(info, root.form.question.candidates)


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider's circuit, as it is at this moment."""

    name: str
    state: CircuitState
    failures: int
    open_until: datetime | None


async def providers(info: Info) -> list[Provider]:
    now = datetime.now(UTC)
    found = await info.context.reads.many(Circuit, info.context.actor)
    named = sorted(found, key=lambda circuit: circuit.id)
    return [Provider(one.id, one.state(now), one.failures, one.open_until) for one in named]


@dataclass(frozen=True, slots=True)
class RunEvent:
    """A recorded event; a stream can go on from its cursor."""

    envelope: Envelope
    cursor: str

    @property
    def event(self) -> str:
        return self.envelope.event.event

    @property
    def occurred_at(self) -> datetime:
        return self.envelope.event.occurred_at

    @property
    def payload(self) -> dict[str, Any]:
        return self.envelope.event.payload


@dataclass(frozen=True, slots=True)
class RunEventEdge:
    node: RunEvent

    @property
    def cursor(self) -> str:
        return self.node.cursor


@dataclass(frozen=True, slots=True)
class RunEventPage:
    """A run's events, oldest first: history is read forwards."""

    nodes: list[RunEvent]
    page_info: PageInfo
    run: Run
    info: Info

    @property
    def edges(self) -> list[RunEventEdge]:
        return [RunEventEdge(node) for node in self.nodes]

    async def total_count(self) -> int:
        return await self.info.context.studio.events.count_of_run(self.run.project_id, self.run.id)


def _position(cursors: Cursors, after: str, project_id: Id) -> int:
    try:
        return cursors.read(after).get(project_id, 0)
    except DomainError as error:
        message = "after is not a cursor of this list: use one that a page came with"
        raise InvalidInput(message, field="after") from error


async def events_of(root: Run, info: Info, first: int | None = 100, after: str | None = None) -> RunEventPage:
    size = page_size(100 if first is None else first)
    cursors = info.context.studio.cursors
    begin = 0 if after is None else _position(cursors, after, root.project_id)
    found = await info.context.studio.events.of_run(root.project_id, root.id, begin, most=size + 1)
    nodes = [RunEvent(one, cursors.write({root.project_id: one.seq})) for one in found[:size]]
    ends = (nodes[0].cursor, nodes[-1].cursor) if nodes else (None, None)
    return RunEventPage(nodes, PageInfo(len(found) > size, after is not None, *ends), root, info)
