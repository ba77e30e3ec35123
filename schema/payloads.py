"""What mutations answer."""

from domain.runs import CancelOutcome
from resolvers import payloads
from schema.fields import of, said
from schema.runs import Run
from schema.types import Asset, Project, Workflow

_ECHO = "The caller's own id of the change, as it was sent."


@of(payloads.ProjectPayload)
class ProjectPayload:
    """The project as it is now."""

    client_mutation_id: str | None = said(_ECHO)
    project: Project = said("The project.")


@of(payloads.WorkflowPayload)
class WorkflowPayload:
    """The workflow as it is now."""

    client_mutation_id: str | None = said(_ECHO)
    workflow: Workflow = said("The workflow.")


@of(payloads.AssetPayload)
class AssetPayload:
    """The asset as it is now."""

    client_mutation_id: str | None = said(_ECHO)
    asset: Asset = said("The asset.")


@of(payloads.RunPayload)
class RunPayload:
    """The run as it is now."""

    client_mutation_id: str | None = said(_ECHO)
    run: Run = said("The run.")


@of(payloads.CancelRunPayload)
class CancelRunPayload:
    """What became of the wish to stop a run."""

    client_mutation_id: str | None = said(_ECHO)
    outcome: CancelOutcome = said("REQUESTED while a step is still being stopped.")
    run: Run = said("The run.")
