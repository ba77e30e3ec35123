"""Projects and the organization that owns them."""

from dataclasses import dataclass
from typing import Protocol

from domain.assets import Asset, AssetType
from domain.errors import DomainError, ErrorCode
from domain.ids import Id
from domain.images import Image, ImageSource
from domain.organizations import Organization
from domain.permissions import Actor
from domain.presence import Presence
from domain.projects import Project, ProjectStatus
from domain.runs import Run, RunStatus
from domain.workflows import Workflow
from gateway.limits import LimitState
from resolvers.context import Info
from storage.pages import Page


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is asking, as this server sees them."""

    actor: Actor

    @property
    def subject(self) -> str:
        return self.actor.subject

    @property
    def kind(self) -> str:
        return self.actor.kind

    @property
    def scopes(self) -> list[str]:
        return list(self.actor.scopes)


def viewer(info: Info) -> Viewer:
    return Viewer(info.context.actor)


async def organization_of_viewer(root: Viewer, info: Info) -> Organization:
    found = await info.context.load(Organization, root.actor.organization_id)
    if found is None:
        raise DomainError(ErrorCode.ORG_NOT_FOUND, "The organization of your token is not known here")
    return found


async def rate_limit_of_viewer(root: Viewer, info: Info) -> LimitState:
    return await info.context.studio.meter.look(root.actor)


def amount_of(root: LimitState) -> int:
    return root.limit.amount


async def project(info: Info, id: Id | None = None, slug: str | None = None) -> Project | None:
    named = {"slug": slug} if id is None and slug is not None else {"id": info.context.project_id(id)}
    return await info.context.reads.one(Project, info.context.actor, **named)


async def projects(
    info: Info, first: int | None = 20, after: str | None = None, status: ProjectStatus | None = None
) -> Page[Project]:
    equals = {} if status is None else {"status": status}
    return await info.context.reads.page(Project, info.context.actor, first=first, after=after, **equals)


async def projects_of_organization(
    root: Organization, info: Info, first: int | None = 20, after: str | None = None
) -> Page[Project]:
    return await info.context.reads.page(Project, info.context.actor, first=first, after=after, organization_id=root.id)


class OfProject(Protocol):
    """Anything that belongs to a project."""

    @property
    def project_id(self) -> Id: ...


async def project_of(root: OfProject, info: Info) -> Project | None:
    return await info.context.load(Project, root.project_id)


async def organization_of(root: Project, info: Info) -> Organization | None:
    return await info.context.load(Organization, root.organization_id)


async def presence_of(root: Project, info: Info) -> list[Presence]:
    """Whoever may read the project may see who is there."""
    return await info.context.studio.rooms.of(root.id)


async def workflows_of(root: Project, info: Info, first: int | None = 20, after: str | None = None) -> Page[Workflow]:
    of_people = {"project_id": root.id, "built_in": None}
    return await info.context.reads.page(Workflow, info.context.actor, first=first, after=after, **of_people)


async def assets_of(
    root: Project, info: Info, first: int | None = 20, after: str | None = None, type: AssetType | None = None
) -> Page[Asset]:
    equals = {"project_id": root.id} | ({} if type is None else {"type": type})
    return await info.context.reads.page(Asset, info.context.actor, first=first, after=after, **equals)


async def runs_of(
    root: Project,
    info: Info,
    first: int | None = 20,
    after: str | None = None,
    status: list[RunStatus] | None = None,
    workflow_id: Id | None = None,
) -> Page[Run]:
    equals = {"project_id": root.id, "status": status, "workflow_id": workflow_id}
    given = {name: value for name, value in equals.items() if value is not None}
    return await info.context.reads.page(Run, info.context.actor, first=first, after=after, **given)


async def images_of(
    root: Project,
    info: Info,
    first: int | None = 20,
    after: str | None = None,
    source: ImageSource | None = None,
    alias: str | None = None,
    flow_id: Id | None = None,
    include_deleted: bool | None = False,
) -> Page[Image]:
    given = {
        name: value
        for name, value in {"source": source, "alias": alias, "flow_id": flow_id}.items()
        if value is not None
    }
    living = {} if include_deleted else {"deleted_at": None}
    return await info.context.reads.page(
        Image, info.context.actor, first=first, after=after, project_id=root.id, **given, **living
    )
