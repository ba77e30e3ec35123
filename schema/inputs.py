"""Inputs: the domain's commands under their public names. Each field means what the command says."""

import strawberry

from domain.aliases import AliasScope
from domain.announcements import Announce, EndAnnouncement
from domain.api_keys import CreateApiKey, RevokeApiKey, UpdateApiKey
from domain.assets import AssetType, CreateAsset, UpdateAsset
from domain.circuits import CircuitState
from domain.claims import ClaimWork, ReleaseClaim
from domain.comparison import NodePart
from domain.flow_commands import CreateFlow, FlowAlias, RemoveFlowAlias, SetFlowAliases
from domain.generation_commands import CreateGeneration, UpdateGeneration
from domain.generation_requests import RequestGenerationJob
from domain.generations import GenerationStatus
from domain.graphs import Edge, Node, Position
from domain.image_commands import AssignImageAlias, DeleteImage, UpdateImage
from domain.images import FocalPoint, ImageSource
from domain.kinds.enhance import EnhancementTemplate
from domain.live_scope_commands import CreateLiveScope, RegenerateLiveScope, UpdateLiveScope
from domain.live_scopes import WhenSpent
from domain.members import RemoveMember, SetMember
from domain.permissions import Role
from domain.projects import CreateProject, ProjectStatus, UpdateProject
from domain.run_commands import CancelOutcome, CancelRun, RetryRun, StartRun
from domain.runs import RunStatus
from domain.shots.batch import BatchStatus
from domain.shots.batch_commands import ResumeShotBatch, StartShotBatch
from domain.shots.commands import SetShotMode
from domain.shots.matching import FileMatch
from domain.shots.planning import ShotSequence
from domain.shots.shot import BatchMode, ShotStatus
from domain.steps import StepStatus
from domain.uploading import CreateImageUpload
from domain.waiting import SubmitStep
from domain.webhook_deliveries import RedeliverWebhook
from domain.webhooks import CreateWebhookEndpoint, UpdateWebhookEndpoint
from domain.workflows import CreateWorkflow, DuplicateWorkflow, RestoreWorkflow, UpdateWorkflow
from resolvers.flows import OfFlow
from resolvers.generations import OfGeneration
from resolvers.live_scopes import LiveCache, OfLiveScope
from resolvers.shots import OfShot, OfShotBatch, ShotPictureBrought
from resolvers.streams import Channel, ChannelName, SetPresence
from resolvers.uploads import OfUpload, PictureBrought
from resolvers.webhooks import OfEndpoint
from resolvers.workflows import WorkflowGraph

ENUMS = (
    ProjectStatus,
    AssetType,
    RunStatus,
    StepStatus,
    ImageSource,
    AliasScope,
    CancelOutcome,
    ChannelName,
    CircuitState,
    NodePart,
    Role,
    GenerationStatus,
    LiveCache,
    WhenSpent,
    EnhancementTemplate,
    BatchMode,
    BatchStatus,
    ShotStatus,
    FileMatch,
)
INPUTS: dict[type, str] = {
    Position: "PositionInput",
    Node: "WorkflowNodeInput",
    Edge: "WorkflowLinkInput",
    WorkflowGraph: "WorkflowGraphInput",
    CreateProject: "CreateProjectInput",
    UpdateProject: "UpdateProjectInput",
    SetMember: "SetMemberInput",
    RemoveMember: "RemoveMemberInput",
    CreateWorkflow: "CreateWorkflowInput",
    UpdateWorkflow: "UpdateWorkflowInput",
    RestoreWorkflow: "RestoreWorkflowInput",
    DuplicateWorkflow: "DuplicateWorkflowInput",
    CreateApiKey: "CreateApiKeyInput",
    UpdateApiKey: "UpdateApiKeyInput",
    RevokeApiKey: "ApiKeyInput",
    CreateWebhookEndpoint: "CreateWebhookEndpointInput",
    UpdateWebhookEndpoint: "UpdateWebhookEndpointInput",
    OfEndpoint: "WebhookEndpointInput",
    RedeliverWebhook: "RedeliverWebhookInput",
    CreateFlow: "CreateFlowInput",
    FlowAlias: "FlowAliasInput",
    SetFlowAliases: "SetFlowAliasesInput",
    RemoveFlowAlias: "RemoveFlowAliasInput",
    OfFlow: "FlowInput",
    CreateGeneration: "CreateGenerationInput",
    UpdateGeneration: "UpdateGenerationInput",
    OfGeneration: "GenerationInput",
    CreateLiveScope: "CreateLiveScopeInput",
    UpdateLiveScope: "UpdateLiveScopeInput",
    RegenerateLiveScope: "RegenerateLiveScopeInput",
    OfLiveScope: "LiveScopeInput",
    FocalPoint: "FocalPointInput",
    PictureBrought: "UploadImageInput",
    CreateImageUpload: "CreateImageUploadInput",
    OfUpload: "CompleteImageUploadInput",
    UpdateImage: "UpdateImageInput",
    AssignImageAlias: "AssignImageAliasInput",
    DeleteImage: "ImageInput",
    CreateAsset: "CreateAssetInput",
    UpdateAsset: "UpdateAssetInput",
    StartRun: "StartRunInput",
    RequestGenerationJob: "RequestGenerationJobInput",
    CancelRun: "RunInput",
    RetryRun: "RetryRunInput",
    SubmitStep: "SubmitStepInput",
    ShotSequence: "ShotSequenceInput",
    StartShotBatch: "StartShotBatchInput",
    OfShotBatch: "ShotBatchInput",
    ResumeShotBatch: "ResumeShotBatchInput",
    OfShot: "ShotInput",
    SetShotMode: "SetShotModeInput",
    ShotPictureBrought: "SubmitShotImageInput",
    ClaimWork: "ClaimInput",
    ReleaseClaim: "ReleaseClaimInput",
    Announce: "AnnounceInput",
    EndAnnouncement: "EndAnnouncementInput",
    Channel: "ChannelInput",
    SetPresence: "SetPresenceInput",
}


def declare() -> None:
    """Make the domain's enums and commands known to GraphQL."""
    for enum in ENUMS:
        strawberry.enum(enum)
    for kind, name in INPUTS.items():
        strawberry.input(kind, name=name, description=" ".join((kind.__doc__ or "").split()))
