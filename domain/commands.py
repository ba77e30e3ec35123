"""Every change Easel can make, and who may make it."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from domain import (
    accounts,
    announcements,
    api_keys,
    assets,
    claiming,
    claims,
    clearing,
    execution,
    flow_commands,
    generation_commands,
    generation_requests,
    image_commands,
    interruptions,
    live_scope_commands,
    live_urls,
    members,
    organizations,
    projects,
    run_commands,
    uploading,
    waiting,
    webhook_deliveries,
    webhooks,
    workflows,
)
from domain.errors import Contended
from domain.permissions import Actor, Permission
from domain.ports import Begin, Command, Transaction
from domain.shots import batch_commands as batches
from domain.shots import commands as shots
from domain.shots import planning as shot_planning
from domain.shots import submitting as shot_pictures

Result = TypeVar("Result")
MOST_ATTEMPTS = 4

Handler = Callable[[Transaction, Actor, Any], Awaitable[Any]]

COMMANDS: dict[type[Command[Any]], tuple[Permission, Handler]] = {
    accounts.GrantCredits: (Permission.TENANTS_WRITE, accounts.grant_credits),
    organizations.FoundOrganization: (Permission.TENANTS_WRITE, organizations.found_organization),
    api_keys.IssueApiKey: (Permission.TENANTS_WRITE, api_keys.issue_api_key),
    api_keys.CreateApiKey: (Permission.KEYS_WRITE, api_keys.create_api_key),
    api_keys.UpdateApiKey: (Permission.KEYS_WRITE, api_keys.update_api_key),
    api_keys.RevokeApiKey: (Permission.KEYS_WRITE, api_keys.revoke_api_key),
    announcements.Announce: (Permission.ANNOUNCEMENTS_WRITE, announcements.announce),
    announcements.EndAnnouncement: (Permission.ANNOUNCEMENTS_WRITE, announcements.end_announcement),
    announcements.TellAnnouncement: (Permission.STEPS_EXECUTE, announcements.tell_announcement),
    projects.CreateProject: (Permission.PROJECTS_WRITE, projects.create_project),
    projects.UpdateProject: (Permission.PROJECTS_WRITE, projects.update_project),
    members.SetMember: (Permission.MEMBERS_WRITE, members.set_member),
    members.RemoveMember: (Permission.MEMBERS_WRITE, members.remove_member),
    workflows.CreateWorkflow: (Permission.WORKFLOWS_WRITE, workflows.create_workflow),
    workflows.UpdateWorkflow: (Permission.WORKFLOWS_WRITE, workflows.update_workflow),
    workflows.RestoreWorkflow: (Permission.WORKFLOWS_WRITE, workflows.restore_workflow),
    workflows.DuplicateWorkflow: (Permission.WORKFLOWS_WRITE, workflows.duplicate_workflow),
    assets.CreateAsset: (Permission.ASSETS_WRITE, assets.create_asset),
    assets.UpdateAsset: (Permission.ASSETS_WRITE, assets.update_asset),
    flow_commands.CreateFlow: (Permission.IMAGES_WRITE, flow_commands.create_flow),
    flow_commands.SetFlowAliases: (Permission.IMAGES_WRITE, flow_commands.set_flow_aliases),
    flow_commands.RemoveFlowAlias: (Permission.IMAGES_WRITE, flow_commands.remove_flow_alias),
    flow_commands.DeleteFlow: (Permission.IMAGES_WRITE, flow_commands.delete_flow),
    generation_commands.CreateGeneration: (Permission.RUNS_START, generation_commands.create_generation),
    generation_commands.UpdateGeneration: (Permission.RUNS_START, generation_commands.update_generation),
    generation_commands.RegenerateGeneration: (Permission.RUNS_START, generation_commands.regenerate_generation),
    generation_commands.RegenerateFlow: (Permission.RUNS_START, generation_commands.regenerate_flow),
    generation_commands.DeleteGeneration: (Permission.IMAGES_WRITE, generation_commands.delete_generation),
    live_scope_commands.CreateLiveScope: (Permission.IMAGES_WRITE, live_scope_commands.create_live_scope),
    live_scope_commands.UpdateLiveScope: (Permission.IMAGES_WRITE, live_scope_commands.update_live_scope),
    live_scope_commands.RegenerateLiveScope: (Permission.RUNS_START, live_scope_commands.regenerate_live_scope),
    live_scope_commands.DeleteLiveScope: (Permission.IMAGES_WRITE, live_scope_commands.delete_live_scope),
    live_urls.RequestLiveImage: (Permission.LIVE_VISIT, live_urls.request_live_image),
    image_commands.UpdateImage: (Permission.IMAGES_WRITE, image_commands.update_image),
    image_commands.AssignImageAlias: (Permission.IMAGES_WRITE, image_commands.assign_image_alias),
    uploading.UploadImage: (Permission.IMAGES_WRITE, uploading.upload_image),
    uploading.CreateImageUpload: (Permission.IMAGES_WRITE, uploading.create_image_upload),
    uploading.CompleteImageUpload: (Permission.IMAGES_WRITE, uploading.complete_image_upload),
    image_commands.DeleteImage: (Permission.IMAGES_WRITE, image_commands.delete_image),
    run_commands.QuoteRun: (Permission.WORKFLOWS_READ, run_commands.quote_run),
    run_commands.StartRun: (Permission.RUNS_START, run_commands.start_run),
    generation_requests.RequestGenerationJob: (Permission.RUNS_START, generation_requests.request_generation_job),
    run_commands.RetryRun: (Permission.RUNS_START, run_commands.retry_run),
    run_commands.CancelRun: (Permission.RUNS_CANCEL, run_commands.cancel_run),
    run_commands.WindDownRun: (Permission.STEPS_EXECUTE, run_commands.wind_down_run),
    run_commands.ExpireRun: (Permission.STEPS_EXECUTE, run_commands.expire_run),
    waiting.SubmitStep: (Permission.STEPS_SUBMIT, waiting.submit_step),
    waiting.TimeOutStep: (Permission.STEPS_EXECUTE, waiting.time_out_step),
    claims.ClaimWork: (Permission.STEPS_SUBMIT, claims.claim_work),
    claims.ReleaseClaim: (Permission.STEPS_SUBMIT, claims.release_claim),
    webhooks.CreateWebhookEndpoint: (Permission.WEBHOOKS_WRITE, webhooks.create_webhook_endpoint),
    webhooks.UpdateWebhookEndpoint: (Permission.WEBHOOKS_WRITE, webhooks.update_webhook_endpoint),
    webhooks.DeleteWebhookEndpoint: (Permission.WEBHOOKS_WRITE, webhooks.delete_webhook_endpoint),
    webhooks.RotateWebhookSecret: (Permission.WEBHOOKS_WRITE, webhooks.rotate_webhook_secret),
    webhook_deliveries.SendTestWebhook: (Permission.WEBHOOKS_WRITE, webhook_deliveries.send_test_webhook),
    webhook_deliveries.RedeliverWebhook: (Permission.WEBHOOKS_WRITE, webhook_deliveries.redeliver_webhook),
    webhook_deliveries.RecordDelivery: (Permission.STEPS_EXECUTE, webhook_deliveries.record_delivery),
    claiming.ClaimStep: (Permission.STEPS_EXECUTE, claiming.claim_step),
    execution.FinishStep: (Permission.STEPS_EXECUTE, execution.finish_step),
    execution.NoteJob: (Permission.STEPS_EXECUTE, execution.note_job),
    execution.ReportStep: (Permission.STEPS_EXECUTE, execution.report_step),
    interruptions.FailStep: (Permission.STEPS_EXECUTE, interruptions.fail_step),
    interruptions.StopStep: (Permission.STEPS_EXECUTE, interruptions.stop_step),
    interruptions.ReleaseStep: (Permission.STEPS_EXECUTE, interruptions.release_step),
    shot_planning.PreviewShotBatch: (Permission.IMAGES_READ, shot_planning.preview_shot_batch),
    batches.StartShotBatch: (Permission.RUNS_START, batches.start_shot_batch),
    batches.RetryShotBatch: (Permission.RUNS_START, batches.retry_shot_batch),
    batches.ResumeShotBatch: (Permission.RUNS_START, batches.resume_shot_batch),
    batches.CancelShotBatch: (Permission.RUNS_CANCEL, batches.cancel_shot_batch),
    shots.RetryShot: (Permission.RUNS_START, shots.retry_shot),
    shots.CancelShot: (Permission.RUNS_CANCEL, shots.cancel_shot),
    shots.SetShotMode: (Permission.RUNS_START, shots.set_shot_mode),
    shot_pictures.MatchShotFiles: (Permission.IMAGES_READ, shot_pictures.match_shot_files),
    shot_pictures.SubmitShotImage: (Permission.STEPS_SUBMIT, shot_pictures.submit_shot_image),
    clearing.ClearLeftover: (Permission.STEPS_EXECUTE, clearing.clear_leftover),
    interruptions.ExpireStep: (Permission.STEPS_EXECUTE, interruptions.expire_step),
}


async def execute(begin: Begin, actor: Actor, command: Command[Result]) -> Result:
    """
    Check the permission, then make the change in one transaction, where the actor has it: other rows do not exist.

    A repeated command gets its first answer. One that gave way to others is made once more.
    """
    actor.require(COMMANDS[type(command)][0])
    for _ in range(MOST_ATTEMPTS - 1):
        try:
            return await _made(begin, actor, command)
        except Contended:
            continue
    return await _made(begin, actor, command)


async def _made(begin: Begin, actor: Actor, command: Command[Result]) -> Result:
    permission, handler = COMMANDS[type(command)]
    async with begin(actor, command, actor.reach(permission)) as tx:
        result: Result | None = await tx.earlier_answer()
        if result is None:
            result = await handler(tx, actor, command)
            tx.answer(result)
    return result
