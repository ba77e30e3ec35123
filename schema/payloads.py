"""What mutations answer."""

from datetime import datetime
from typing import Any

from domain.ids import Id
from domain.run_commands import CancelOutcome
from resolvers.mutations import Payload, entity_of
from schema.fields import of, said
from schema.pictures import Flow, Generation, Image, LiveScope
from schema.runs import Claim, Run
from schema.types import Asset, Project, Workflow

ECHO = "The caller's own id of the change, as it was sent."


@of(Payload)
class ProjectPayload:
    """The project as it is now."""

    client_mutation_id: str | None = said(ECHO)
    project: Project = said("The project.", entity_of)


@of(Payload)
class WorkflowPayload:
    """The workflow as it is now."""

    client_mutation_id: str | None = said(ECHO)
    workflow: Workflow = said("The workflow.", entity_of)


@of(Payload)
class AssetPayload:
    """The asset as it is now."""

    client_mutation_id: str | None = said(ECHO)
    asset: Asset = said("The asset.", entity_of)


@of(Payload)
class RunPayload:
    """The run as it is now."""

    client_mutation_id: str | None = said(ECHO)
    run: Run = said("The run.", entity_of)


@of(Payload)
class CancelRunPayload:
    """What became of the wish to stop a run."""

    client_mutation_id: str | None = said(ECHO)
    outcome: CancelOutcome = said("REQUESTED while a step is still being stopped.", lambda root: root.result.outcome)
    run: Run = said("The run.", lambda root: root.result.run)


@of(Payload)
class ClaimPayload:
    """Who is on it now."""

    client_mutation_id: str | None = said(ECHO)
    claim: Claim | None = said("The claim; null once it is released.", entity_of)


@of(Payload)
class PresencePayload:
    """Where and as whom somebody is present."""

    client_mutation_id: str | None = said(ECHO)
    connection_id: Id = said("The socket, as `Presence.connectionId` names it.", entity_of)


@of(Payload)
class GenerationPayload:
    """The generation as it is now."""

    client_mutation_id: str | None = said(ECHO)
    generation: Generation = said("The generation.", entity_of)


@of(Payload)
class LiveScopePayload:
    """The live scope as it is now."""

    client_mutation_id: str | None = said(ECHO)
    live_scope: LiveScope = said("The live scope.", entity_of)


@of(Payload)
class FlowPayload:
    """The flow as it is now."""

    client_mutation_id: str | None = said(ECHO)
    flow: Flow = said("The flow.", entity_of)


@of(Payload)
class ImagePayload:
    """The image as it is now."""

    client_mutation_id: str | None = said(ECHO)
    image: Image = said("The image.", entity_of)


@of(Payload)
class ImageUploadPayload:
    """PUT the bytes to `uploadUrl` with `headers` before `expiresAt`, then completeImageUpload."""

    client_mutation_id: str | None = said(ECHO)
    upload_id: Id = said("What the upload is called when it is completed.", lambda root: root.result.upload.id)
    upload_url: str = said("Where the bytes go, all at once.", lambda root: root.result.url)
    headers: Any = said("What to send with them: exactly these.", lambda root: root.result.headers)
    expires_at: datetime = said("Until when the URL takes them.", lambda root: root.result.upload.expires_at)
