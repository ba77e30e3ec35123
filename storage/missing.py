"""What is said of rows that are not there for whoever asks."""

from domain.assets import Asset
from domain.errors import DomainError, ErrorCode
from domain.flows import Flow
from domain.generations import Generation
from domain.image_uploads import ImageUpload
from domain.images import Image
from domain.live_scopes import LiveScope
from domain.organizations import Organization
from domain.projects import Project
from domain.runs import Run
from domain.shots.batch import ShotBatch
from domain.shots.shot import Shot
from domain.workflows import Workflow


def forbidden(kind: type) -> DomainError:
    message = f"You may look at this {_name(kind)}, but not do this in its project: ask an owner of it"
    return DomainError(ErrorCode.FORBIDDEN, message)


def not_found(kind: type) -> DomainError:
    message = f"There is no such {_name(kind)}: check its id, and that it is your organization's"
    return DomainError(_NOT_FOUND.get(kind, ErrorCode.NOT_FOUND), message)


def _name(kind: type) -> str:
    return _CALLED.get(kind, kind.__name__.lower())


_CALLED: dict[type, str] = {ImageUpload: "upload", ShotBatch: "batch"}
_NOT_FOUND: dict[type, ErrorCode] = {
    Organization: ErrorCode.ORG_NOT_FOUND,
    Project: ErrorCode.PROJECT_NOT_FOUND,
    Workflow: ErrorCode.WORKFLOW_NOT_FOUND,
    Asset: ErrorCode.ASSET_NOT_FOUND,
    Run: ErrorCode.RUN_NOT_FOUND,
    Image: ErrorCode.IMAGE_NOT_FOUND,
    Flow: ErrorCode.FLOW_NOT_FOUND,
    Generation: ErrorCode.GENERATION_NOT_FOUND,
    LiveScope: ErrorCode.SCOPE_NOT_FOUND,
    ShotBatch: ErrorCode.BATCH_NOT_FOUND,
    Shot: ErrorCode.SHOT_NOT_FOUND,
}
