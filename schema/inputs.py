"""Inputs: the domain's commands under their public names. Each field means what the command says."""

import strawberry

from domain.assets import AssetType, CreateAsset, UpdateAsset
from domain.graphs import Edge, Node, Position
from domain.images import ImageSource
from domain.projects import CreateProject, ProjectStatus, UpdateProject
from domain.runs import CancelOutcome, CancelRun, RunStatus, StartRun
from domain.steps import StepStatus
from domain.workflows import CreateWorkflow, DuplicateWorkflow, UpdateWorkflow
from resolvers.streams import Channel, ChannelName
from resolvers.workflows import WorkflowGraph

ENUMS = (ProjectStatus, AssetType, RunStatus, StepStatus, ImageSource, CancelOutcome, ChannelName)
INPUTS: dict[type, str] = {
    Position: "PositionInput",
    Node: "WorkflowNodeInput",
    Edge: "WorkflowLinkInput",
    WorkflowGraph: "WorkflowGraphInput",
    CreateProject: "CreateProjectInput",
    UpdateProject: "UpdateProjectInput",
    CreateWorkflow: "CreateWorkflowInput",
    UpdateWorkflow: "UpdateWorkflowInput",
    DuplicateWorkflow: "DuplicateWorkflowInput",
    CreateAsset: "CreateAssetInput",
    UpdateAsset: "UpdateAssetInput",
    StartRun: "StartRunInput",
    CancelRun: "RunInput",
    Channel: "ChannelInput",
}


def declare() -> None:
    """Make the domain's enums and commands known to GraphQL."""
    for enum in ENUMS:
        strawberry.enum(enum)
    for kind, name in INPUTS.items():
        strawberry.input(kind, name=name, description=" ".join((kind.__doc__ or "").split()))
