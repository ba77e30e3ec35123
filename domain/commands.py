"""Every change Easel can make, and who may make it."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from domain import assets, execution, organizations, projects, runs, workflows
from domain.permissions import Actor, Permission
from domain.ports import Begin, Command, Transaction

Result = TypeVar("Result")
Handler = Callable[[Transaction, Actor, Any], Awaitable[Any]]

COMMANDS: dict[type[Command[Any]], tuple[Permission, Handler]] = {
    organizations.FoundOrganization: (Permission.TENANTS_WRITE, organizations.found_organization),
    organizations.IssueApiKey: (Permission.TENANTS_WRITE, organizations.issue_api_key),
    projects.CreateProject: (Permission.PROJECTS_WRITE, projects.create_project),
    projects.UpdateProject: (Permission.PROJECTS_WRITE, projects.update_project),
    workflows.CreateWorkflow: (Permission.WORKFLOWS_WRITE, workflows.create_workflow),
    workflows.UpdateWorkflow: (Permission.WORKFLOWS_WRITE, workflows.update_workflow),
    workflows.DuplicateWorkflow: (Permission.WORKFLOWS_WRITE, workflows.duplicate_workflow),
    assets.CreateAsset: (Permission.ASSETS_WRITE, assets.create_asset),
    assets.UpdateAsset: (Permission.ASSETS_WRITE, assets.update_asset),
    runs.StartRun: (Permission.RUNS_START, runs.start_run),
    runs.CancelRun: (Permission.RUNS_CANCEL, runs.cancel_run),
    execution.ClaimStep: (Permission.STEPS_EXECUTE, execution.claim_step),
    execution.FinishStep: (Permission.STEPS_EXECUTE, execution.finish_step),
    execution.FailStep: (Permission.STEPS_EXECUTE, execution.fail_step),
    execution.StopStep: (Permission.STEPS_EXECUTE, execution.stop_step),
    execution.ReleaseStep: (Permission.STEPS_EXECUTE, execution.release_step),
    execution.ExpireStep: (Permission.STEPS_EXECUTE, execution.expire_step),
}


async def execute(begin: Begin, actor: Actor, command: Command[Result]) -> Result:
    """Check the permission, then make the change in one transaction. A repeated command gets its first answer."""
    permission, handler = COMMANDS[type(command)]
    actor.require(permission)
    async with begin(actor, command) as tx:
        result: Result | None = await tx.earlier_answer()
        if result is None:
            result = await handler(tx, actor, command)
            tx.answer(result)
    return result
