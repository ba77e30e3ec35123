"""What mutations answer: the entity, and the caller's own id of the change."""

from dataclasses import dataclass

from domain.assets import Asset
from domain.projects import Project
from domain.runs import CancelOutcome, Run
from domain.workflows import Workflow


@dataclass(frozen=True, slots=True)
class ProjectPayload:
    client_mutation_id: str | None
    project: Project


@dataclass(frozen=True, slots=True)
class WorkflowPayload:
    client_mutation_id: str | None
    workflow: Workflow


@dataclass(frozen=True, slots=True)
class AssetPayload:
    client_mutation_id: str | None
    asset: Asset


@dataclass(frozen=True, slots=True)
class RunPayload:
    client_mutation_id: str | None
    run: Run


@dataclass(frozen=True, slots=True)
class CancelRunPayload:
    client_mutation_id: str | None
    outcome: CancelOutcome
    run: Run
