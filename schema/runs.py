"""Runs and their steps."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import strawberry

from domain import circuits, forms, quotes
from domain import runs as domain_runs
from domain import steps as domain_steps
from domain.errors import ErrorCode
from resolvers import projects, runs
from schema.connections import PageInfo
from schema.fields import of, said
from schema.pictures import Image
from schema.types import Node, Project, Workflow

strawberry.enum(ErrorCode, description="Every error there is; HTTP answers use the same words.")


@of(domain_steps.RunError)
class RunError:
    """Why a run or a step failed."""

    code: ErrorCode = said("For programs.")
    message: str = said("For people.")
    node_id: str | None = said("At which node.")
    retryable: bool = said("Whether trying again later can help.")


@of(domain_runs.RunMetrics)
class RunMetrics:
    """A run in numbers."""

    duration_ms: float | None = said("From its first step to its end, in milliseconds; null until then.")
    queued_ms: float | None = said("From its start to its first step, in milliseconds; null until then.")
    steps_total: int = said("How many steps it has.")
    steps_done: int = said("How many are done.")
    steps_cached: int = said("How many were served from the cache.")
    retries: int = said("How many attempts had to be repeated.")
    cost: Decimal = said("What it has cost so far, in credits.")


@of(runs.HumanForm)
class HumanForm:
    """What a person is asked while a step waits. `submitStep` answers it."""

    token: str | None = said(
        "What an answer must bring along; null for those who may not answer. "
        "Subscriptions tell nobody by name: where there is an assignee, read it with a query."
    )
    title: str = said("What it is about.")
    instructions: str | None = said("What to do.")
    schema: dict[str, Any] = said("The JSON Schema of the values to fill in.")
    decisions: list[str] = said("What can be decided, as approve and reject.")
    candidates: list[Image] = said("The images to choose from.", runs.candidates_of)
    fewest: int = said("How many of them must be chosen.")
    most: int = said("How many of them may be chosen.")
    assignee: str | None = said("Who is asked; null where everyone is who may answer.")
    due_at: datetime | None = said("Until when; after that the workflow says what happens.")


@of(forms.Claim)
class Claim:
    """Who is on it."""

    by: str = said("The key's id, or the person's name.")
    since: datetime = said("Since when.")
    expires_at: datetime = said("When it ends by itself.")


@of(domain_steps.Step)
class RunStep(Node):
    """One node of a run."""

    run: "Run" = said("The run it belongs to.", runs.run_of_step)
    version: int = said("Grows by 1 with each change.")
    node_id: str = said("The node's name in the workflow.")
    kind: str = said("What it does: one of `nodeKinds`.")
    label: str | None = said("What people call it.")
    status: domain_steps.StepStatus = said("How far it is.")
    progress: float = said("How much of it is done, 0.0 to 1.0.")
    attempt: int = said("How many times it was begun.")
    cached: bool = said("Whether an earlier result was used.")
    inputs: dict[str, Any] = said("What it was given, by port.")
    outputs: dict[str, Any] = said("What it made, by port.")
    error: RunError | None = said("Why it failed.")
    started_at: datetime | None = said("When it was first begun.")
    finished_at: datetime | None = said("When it ended.")
    cost: Decimal = said("What it cost, in credits.")
    images: list[Image] = said("The images it made, or took over from an earlier step.", runs.images_of_step)
    form: HumanForm | None = said("What a person is asked, while one is awaited.", runs.form_of)
    claim: Claim | None = said("Who is on it, while it waits.", runs.claim_of)


@strawberry.type(description="Something that happened in a run.")
class RunEvent:
    cursor: str = said("Its place in the run's history.")
    event: str = said("What happened, as run.updated.")
    occurred_at: datetime = said("When.")
    payload: dict[str, Any] = said("Its subject's fields, as they were then.")


@strawberry.type(description="An event and its place in the history.")
class RunEventEdge:
    cursor: str = said("Its place, for `after`.")
    node: RunEvent = said("The event.")


async def _total_count(root: runs.RunEventPage) -> int:
    return await root.total_count()


@strawberry.type(description="A page of a run's history, oldest first.")
class RunEventConnection:
    edges: list[RunEventEdge] = said("The events, each with its cursor.")
    nodes: list[RunEvent] = said("The events.")
    page_info: PageInfo = said("How to go on.")
    total_count: int = said("How many events there are; counted only when asked for.", _total_count)


@of(domain_runs.Run)
class Run(Node):
    """One execution of a workflow."""

    project: Project = said("Where it belongs.", projects.project_of)
    workflow: Workflow = said("What it executes.", runs.workflow_of)
    workflow_version: int = said("Which version of it.")
    status: domain_runs.RunStatus = said("How far it is.")
    progress: float = said("How much of it is done, 0.0 to 1.0.")
    inputs: dict[str, Any] = said("What it was started with.")
    outputs: dict[str, Any] = said("What it hands back, by the names of its output nodes.")
    steps: list[RunStep] = said("Its steps, in the order of the nodes, then the copies of maps.", runs.steps_of)
    metrics: RunMetrics = said("The run in numbers.")
    error: RunError | None = said("Why it failed.")
    retry_of: "Run | None" = said("The run it repeats.", runs.retry_of)
    version: int = said("Grows by 1 with each change.")
    trace_id: str = said("Finds it in logs.")
    created_by: str = said("Who started it.")
    created_at: datetime = said("When it was started.")
    started_at: datetime | None = said("When its first step began.")
    finished_at: datetime | None = said("When it ended.")
    events: RunEventConnection = said("Its history, oldest first.", runs.events_of)
    images: list[Image] = said("The images its steps made or took over, oldest first.", runs.images_of)
    seed: str = said("What its pictures are drawn from; a run that repeats this one has the same.")
    max_credits: Decimal | None = said("What it may cost, in credits; a run that would cost more pauses and asks.")
    priority: int = said("-100 to 100, higher first.")
    deadline: datetime | None = said("When it fails if it is not finished.")


@of(quotes.NodeQuote)
class NodeQuote:
    """What one node of a run would cost."""

    node_id: str = said("The node's name in the workflow.")
    cost: Decimal = said("In credits.")
    cached: bool = said("Whether an earlier result would be used.")


@of(quotes.Quote)
class Quote:
    """What a run would cost, before it is started."""

    total: Decimal = said("In credits, at most; the copies of a map are not counted.")
    nodes: list[NodeQuote] = said("Node by node.")


@of(runs.Provider)
class Provider:
    """An AI provider, and whether it is asked at present."""

    name: str = said("Its name.")
    state: circuits.CircuitState = said("Whether calls pass.")
    failures: int = said("How often it has failed in a row.")
    open_until: datetime | None = said("Until when it is left alone.")
