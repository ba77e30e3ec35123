"""What can be asked, changed and watched: one line for each root field."""

import strawberry

from domain import flows as domain_flows
from domain import generations as domain_generations
from domain import projects as domain_projects
from domain import runs as domain_runs
from domain import workflows as domain_workflows
from domain.announcements import Announce, EndAnnouncement
from domain.api_keys import CreateApiKey, RevokeApiKey, UpdateApiKey
from domain.assets import CreateAsset, UpdateAsset
from domain.claims import ClaimWork, ReleaseClaim
from domain.flow_commands import CreateFlow, DeleteFlow, RemoveFlowAlias, SetFlowAliases
from domain.generation_commands import (
    CreateGeneration,
    DeleteGeneration,
    RegenerateFlow,
    RegenerateGeneration,
    UpdateGeneration,
)
from domain.generation_requests import RequestGenerationJob
from domain.image_commands import AssignImageAlias, DeleteImage, UpdateImage
from domain.live_scope_commands import CreateLiveScope, DeleteLiveScope, RegenerateLiveScope, UpdateLiveScope
from domain.members import RemoveMember, SetMember
from domain.projects import CreateProject, UpdateProject
from domain.run_commands import CancelRun, RetryRun, StartRun
from domain.shots import batch as domain_batch
from domain.shots import shot as domain_shot
from domain.shots.batch_commands import CancelShotBatch, ResumeShotBatch, RetryShotBatch, StartShotBatch
from domain.shots.commands import CancelShot, RetryShot, SetShotMode
from domain.waiting import SubmitStep
from domain.webhook_deliveries import RedeliverWebhook, SendTestWebhook
from domain.webhooks import (
    CreateWebhookEndpoint,
    DeleteWebhookEndpoint,
    RotateWebhookSecret,
    UpdateWebhookEndpoint,
)
from domain.workflows import CreateWorkflow, DuplicateWorkflow, RestoreWorkflow, UpdateWorkflow
from resolvers import (
    accounts,
    announcements,
    api_keys,
    assets,
    flows,
    generations,
    images,
    live_scopes,
    nodes,
    projects,
    runs,
    shots,
    streams,
    uploads,
    webhooks,
    workflows,
)
from resolvers.flows import OfFlow
from resolvers.generations import OfGeneration
from resolvers.live_scopes import OfLiveScope
from resolvers.mutations import counted, mutation, start
from resolvers.shots import OfShot, OfShotBatch
from resolvers.webhooks import OfEndpoint
from schema.accounts import LedgerEntry
from schema.announcements import Announcement, AnnouncementPayload
from schema.api_keys import ApiKey, ApiKeyPayload
from schema.connections import Connection
from schema.fields import of, said, watched
from schema.payloads import (
    AssetPayload,
    CancelRunPayload,
    ClaimPayload,
    FlowPayload,
    GenerationPayload,
    ImagePayload,
    ImageUploadPayload,
    LiveScopePayload,
    PresencePayload,
    ProjectPayload,
    RunPayload,
    WorkflowPayload,
)
from schema.pictures import Flow, Generation, Image, LiveScope, LiveUrlExplanation, ResolvedAlias
from schema.runs import Provider, Quote, Run
from schema.shots import (
    ParsedFileName,
    ShotBatch,
    ShotBatchPayload,
    ShotBatchPreview,
    ShotFileMatch,
    ShotPayload,
)
from schema.streams import StreamEvent
from schema.types import (
    Asset,
    Node,
    NodeKind,
    Project,
    Workflow,
    WorkflowComparison,
    WorkflowProblem,
)
from schema.viewer import Viewer
from schema.webhooks import DeletePayload, WebhookDeliveryPayload, WebhookEndpoint, WebhookEndpointPayload


@of(streams.Snapshot)
class Snapshot:
    """What is there, and the cursor that goes on behind it: nothing falls between the two."""

    cursor: str = said("For the `after` of `stream`, with the same channels.")
    query: "Query" = said("Whatever is asked in here is read after the cursor.", lambda root: root)


@strawberry.type(description="What can be asked.")
class Query:
    viewer: Viewer = said("Who is asking.", projects.viewer)
    node: Node | None = said("Anything by its id.", nodes.node)
    project: Project | None = said("A project by its id or slug; without either, the key's own.", projects.project)
    projects: Connection[Project] = said("The organization's projects, newest first.", projects.projects)
    workflow: Workflow | None = said("A workflow by its id.", workflows.workflow)
    node_kinds: list[NodeKind] = said("What a workflow can be built from.", workflows.node_kinds)
    validate_workflow: list[WorkflowProblem] | None = said(
        "Everything wrong with a graph; empty when it can run.", workflows.validate_workflow
    )
    compare_workflow_versions: WorkflowComparison | None = said(
        "What changed from one version of a workflow to another.", workflows.compare_workflow_versions
    )
    asset: Asset | None = said("An asset by its id.", assets.asset)
    run: Run | None = said("A run by its id.", runs.run)
    generation: Generation | None = said("A generation by its id.", generations.generation)
    flow: Flow | None = said("A flow by its id.", flows.flow)
    resolve_alias: ResolvedAlias | None = said("Which image an alias means, and why.", flows.resolve_alias)
    image: Image | None = said("An image by its id.", images.image)
    live_scope: LiveScope | None = said("A live scope by its slug.", live_scopes.live_scope)
    explain_live_url: LiveUrlExplanation | None = said(
        "What a live URL would do, without doing it.", live_scopes.explain_live_url
    )
    shot_batch: ShotBatch | None = said("A batch of shots by its id.", shots.shot_batch)
    parse_file_name: ParsedFileName | None = said(
        "What the name of a shot's file says; null where there is no such project.", shots.parse_file_name
    )
    match_shot_files: list[ShotFileMatch] | None = said(
        "Which shots files are for, by their names, before anything is sent.", shots.match_shot_files
    )
    preview_shot_batch: ShotBatchPreview | None = said(
        "What a batch of shots would be, without starting it.", shots.preview_shot_batch
    )
    quote: Quote | None = said("What a run would cost, without starting it.", runs.quote)
    ledger: Connection[LedgerEntry] = said("What became of the credits, newest first.", accounts.ledger)
    api_keys: Connection[ApiKey] = said("The organization's API keys, newest first.", api_keys.api_keys)
    webhook_endpoints: list[WebhookEndpoint] = said(
        "Who is told what happens in a project, newest first.", webhooks.webhook_endpoints
    )
    providers: list[Provider] = said("The AI providers, and whether they are asked at present.", runs.providers)
    snapshot: Snapshot = said("The state to begin with, before `stream` tells what changes.", streams.snapshot)
    announcements: list[Announcement] = said(
        "What the studio tells everybody now, newest first: 100 at most.", announcements.announcements
    )


@strawberry.type(description="What can be changed. Each takes one `input` and answers one payload.")
class Mutation:
    create_project: ProjectPayload = said("Make a project.", mutation(CreateProject))
    update_project: ProjectPayload = said("Change a project.", mutation(UpdateProject))
    set_member: ProjectPayload = said("Let a person into a project, or change their role there.", mutation(SetMember))
    remove_member: ProjectPayload = said("Shut a person out of a project.", mutation(RemoveMember))
    create_workflow: WorkflowPayload = said("Make a workflow.", mutation(CreateWorkflow))
    update_workflow: WorkflowPayload = said("Make a new version of a workflow.", mutation(UpdateWorkflow))
    restore_workflow: WorkflowPayload = said("Make an older version the newest again.", mutation(RestoreWorkflow))
    duplicate_workflow: WorkflowPayload = said("Copy a workflow.", mutation(DuplicateWorkflow))
    create_api_key: ApiKeyPayload = said("Make an API key; its secret is shown once.", mutation(CreateApiKey))
    update_api_key: ApiKeyPayload = said("Change an API key.", mutation(UpdateApiKey))
    revoke_api_key: ApiKeyPayload = said("Shut an API key out, for good.", mutation(RevokeApiKey))
    create_webhook_endpoint: WebhookEndpointPayload = said(
        "Tell an address what happens in a project; its secret is shown once.", mutation(CreateWebhookEndpoint)
    )
    update_webhook_endpoint: WebhookEndpointPayload = said("Change an endpoint.", mutation(UpdateWebhookEndpoint))
    delete_webhook_endpoint: DeletePayload = said(
        "Tell an endpoint nothing more.", mutation(DeleteWebhookEndpoint, OfEndpoint)
    )
    rotate_webhook_secret: WebhookEndpointPayload = said(
        "Take another secret; the one before signs too for 24 hours.", mutation(RotateWebhookSecret, OfEndpoint)
    )
    send_test_webhook: WebhookDeliveryPayload = said(
        "Send an endpoint a test message.", mutation(SendTestWebhook, OfEndpoint)
    )
    redeliver_webhook: WebhookDeliveryPayload = said("Send a message once more.", mutation(RedeliverWebhook))
    create_asset: AssetPayload = said("Keep something for reuse.", mutation(CreateAsset))
    update_asset: AssetPayload = said("Change an asset.", mutation(UpdateAsset))
    create_generation: GenerationPayload = said(
        "Make an image from a prompt.", start(CreateGeneration, domain_projects.Project, "project_id")
    )
    update_generation: GenerationPayload = said(
        "Change a generation; another prompt or aspect ratio makes its image again.",
        start(UpdateGeneration, domain_generations.Generation, "id"),
    )
    regenerate_generation: GenerationPayload = said(
        "Make the image again, in its place.",
        start(RegenerateGeneration, domain_generations.Generation, "id", OfGeneration),
    )
    delete_generation: GenerationPayload = said(
        "Remove a generation and its image.", mutation(DeleteGeneration, OfGeneration)
    )
    create_live_scope: LiveScopePayload = said("Make a live scope.", mutation(CreateLiveScope))
    update_live_scope: LiveScopePayload = said("Change a live scope.", mutation(UpdateLiveScope))
    regenerate_live_scope: LiveScopePayload = said(
        "Make the images of a scope again, or one of them.",
        counted(RegenerateLiveScope, live_scopes.count_again),
    )
    delete_live_scope: DeletePayload = said(
        "Remove a live scope and its images.", mutation(DeleteLiveScope, OfLiveScope)
    )
    regenerate_flow: GenerationPayload = said(
        "Make the image of a flow's newest generation again.", start(RegenerateFlow, domain_flows.Flow, "id", OfFlow)
    )
    create_flow: FlowPayload = said("Begin a flow.", mutation(CreateFlow))
    set_flow_aliases: FlowPayload = said(
        "Give images names in a flow; other names stay as they are.", mutation(SetFlowAliases)
    )
    remove_flow_alias: FlowPayload = said("Take a name from a flow.", mutation(RemoveFlowAlias))
    delete_flow: DeletePayload = said("Remove a flow; its images stay.", mutation(DeleteFlow, OfFlow))
    upload_image: ImagePayload = said("Make an image of a picture that comes with this request.", uploads.upload_image)
    create_image_upload: ImageUploadPayload = said(
        "Announce a picture that is sent straight to the object store.", uploads.create_image_upload
    )
    complete_image_upload: ImagePayload = said(
        "Make an image of what was sent; again gives the same image.", uploads.complete_image_upload
    )
    update_image: ImagePayload = said("Change what is known of an image.", mutation(UpdateImage))
    assign_image_alias: ImagePayload = said("Give an image its name in the project.", mutation(AssignImageAlias))
    delete_image: DeletePayload = said("Remove an image and its bytes, for good.", mutation(DeleteImage))
    start_run: RunPayload = said(
        "Start a run of a workflow.", start(StartRun, domain_workflows.Workflow, "workflow_id")
    )
    request_generation_job: RunPayload = said(
        "Make pictures from a prompt by one call, as POST /generate does.",
        start(RequestGenerationJob, domain_projects.Project, "project_id"),
    )
    cancel_run: CancelRunPayload = said("Stop a run; asking again changes nothing.", mutation(CancelRun))
    retry_run: RunPayload = said(
        "Repeat a run that is over: what failed, or all of it.", start(RetryRun, domain_runs.Run, "id")
    )
    submit_step: RunPayload = said("Answer what a waiting step asks.", mutation(SubmitStep))
    start_shot_batch: ShotBatchPayload = said(
        "Start a batch of film shots.", start(StartShotBatch, domain_projects.Project, "project_id")
    )
    retry_shot: ShotPayload = said(
        "Make a shot's picture again, as the next version.", start(RetryShot, domain_shot.Shot, "id", OfShot)
    )
    cancel_shot: ShotPayload = said("Call a shot off.", mutation(CancelShot, OfShot))
    set_shot_mode: ShotPayload = said("Take a shot over by hand, or have it made again.", mutation(SetShotMode))
    retry_shot_batch: ShotBatchPayload = said(
        "Make all that failed again.", start(RetryShotBatch, domain_batch.ShotBatch, "id", OfShotBatch)
    )
    resume_shot_batch: ShotBatchPayload = said("Let a paused batch go on.", mutation(ResumeShotBatch))
    cancel_shot_batch: ShotBatchPayload = said(
        "Stop a batch; what is done stays.", mutation(CancelShotBatch, OfShotBatch)
    )
    submit_shot_image: ShotPayload = said(
        "Bring a shot's picture, sent as a form with the header GraphQL-Require-Preflight.", shots.submit_shot_image
    )
    set_presence: PresencePayload = said(
        "Say what you look at, to all who follow the project's presence. Over a socket: the presence is its own.",
        streams.set_presence,
    )
    claim: ClaimPayload = said("Say who is on a waiting step or shot.", mutation(ClaimWork))
    release_claim: ClaimPayload = said("Say that nobody is on it any more.", mutation(ReleaseClaim))
    announce: AnnouncementPayload = said(
        "Tell everybody something, of every organization; takes the scope announcements:write.", mutation(Announce)
    )
    end_announcement: AnnouncementPayload = said(
        "End an announcement now, or call it off; again changes nothing.", mutation(EndAnnouncement)
    )


@strawberry.type(description="What can be watched.")
class Subscription:
    stream: StreamEvent = watched(
        "Everything that happens in the named channels, in order. `after` resumes without a gap or a repeat.",
        streams.stream,
    )
    run_updated: Run = watched(
        "The run now, then at each change, until it is finished. Stale states may be skipped, the last one never.",
        streams.run_updated,
    )
