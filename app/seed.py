"""What the first start makes: an organization, a project, a workflow, styles of shots, and a key for development."""

import json
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from app.parts import Parts
from app.secret_files import write_private
from domain.accounts import GrantCredits
from domain.api_keys import IssueApiKey
from domain.assets import CreateAsset
from domain.commands import execute
from domain.errors import DomainError, ErrorCode
from domain.graphs import Edge, Node, Position
from domain.ids import Id, new_id
from domain.organizations import FoundOrganization, Organization
from domain.permissions import Permission, operator_actor
from domain.projects import CreateProject, Project
from domain.shots.examples import GRAPHS, STYLES, example_graph, example_style
from domain.workflows import CreateWorkflow
from gateway.keys import new_key

ORGANIZATION, PROJECT, WORKFLOW = "acme", "website", "Hero image"
EVERYTHING, TO_EVERYBODY = ("*",), ("*", str(Permission.ANNOUNCEMENTS_WRITE))
WELCOME_CREDITS = Decimal(1_000)


@dataclass(frozen=True, slots=True)
class DevelopmentKey:
    """What a program needs to begin; the key's text is kept in the data directory, for this user alone."""

    url: str
    apiKey: str  # noqa: N815 - the names are those of the printed JSON
    organizationSlug: str  # noqa: N815
    projectSlug: str  # noqa: N815
    projectId: str  # noqa: N815

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


async def ensure_example(parts: Parts) -> None:
    """Make what is missing of the example; a process that starts at the same time may make it instead."""
    await ensure_tenant(parts, ORGANIZATION, PROJECT)


async def ensure_tenant(parts: Parts, organization_slug: str, project_slug: str) -> Project:
    """The project, made with its organization and first workflow where it is missing."""
    try:
        return await _tenant(parts, organization_slug, project_slug)
    except DomainError as error:
        if error.code is not ErrorCode.CONFLICT:
            raise
        return await _tenant(parts, organization_slug, project_slug)


async def _tenant(parts: Parts, organization_slug: str, project_slug: str) -> Project:
    organization = await parts.credentials.organization(organization_slug) or await _found(parts, organization_slug)
    project = await parts.credentials.project(organization.id, project_slug)
    if project is not None:
        return project
    actor = operator_actor(organization.id)
    created = await execute(
        parts.database.begin,
        actor,
        CreateProject(name=_titled(project_slug), slug=project_slug, settings={"allowNewLiveScopes": True}),
    )
    await execute(parts.database.begin, actor, hero_image(created.id))
    for asset in example_assets(created) if (organization_slug, project_slug) == (ORGANIZATION, PROJECT) else ():
        await execute(parts.database.begin, actor, asset)
    return created


async def _found(parts: Parts, slug: str) -> Organization:
    actor = operator_actor(new_id())
    organization = await execute(parts.database.begin, actor, FoundOrganization(slug=slug, name=_titled(slug)))
    await execute(parts.database.begin, actor, GrantCredits(amount=WELCOME_CREDITS, note="Welcome"))
    return organization


def _titled(slug: str) -> str:
    return slug.replace("-", " ").capitalize()


def hero_image(project_id: Id) -> CreateWorkflow:
    return CreateWorkflow(
        project_id=project_id,
        name=WORKFLOW,
        nodes=[
            _node("prompt", "input", "Prompt", 0, name="prompt", description="What the picture shows."),
            _node("enhance", "enhance", "Enhance the prompt", 1, template="general"),
            _node("picture", "generate_image", "Draw the picture", 2, aspectRatio="16:9"),
            _node("image", "output", "Hero image", 3, name="image"),
        ],
        edges=[
            Edge(source="prompt", target="enhance"),
            Edge(source="enhance", target="picture"),
            Edge(source="picture", target="image"),
        ],
    )


def example_assets(project: Project) -> list[CreateAsset]:
    """Two styles of film shots, and the graph that the first is drawn by."""
    examples = [*(example_style(project, name) for name in STYLES), example_graph(project, GRAPHS[0])]
    return [
        CreateAsset(
            project_id=project.id,
            type=asset.type,
            label=asset.label,
            content=asset.content,
            metadata=asset.metadata,
        )
        for asset in examples
        if asset is not None
    ]


def _node(id: str, kind: str, label: str, column: int, **config: Any) -> Node:
    return Node(id=id, kind=kind, label=label, config=config, position=Position(240.0 * column, 0.0))


async def development_key(
    parts: Parts, organization_slug: str, project_slug: str, url: str, *, announces: bool = False
) -> DevelopmentKey:
    """
    The key of the project's organization that this data directory keeps; made, with both, where it is missing.

    That of the example may speak to everybody on this server; one of another organization where it `announces`.
    """
    project = await ensure_tenant(parts, organization_slug, project_slug)
    scopes = TO_EVERYBODY if announces or organization_slug == ORGANIZATION else EVERYTHING
    path = parts.settings.data_dir / "keys" / f"{organization_slug}-{project_slug}.json"
    text = await _kept(parts, path, scopes) or await _issued(parts, project, path, scopes)
    return DevelopmentKey(url, text, organization_slug, project_slug, project.id)


async def _kept(parts: Parts, path: Path, scopes: tuple[str, ...]) -> str | None:
    """The kept key, if the database still knows it, and with these scopes at least."""
    text = _read(path)
    try:
        known = await parts.identity.of(text, None, "")
    except DomainError:
        return None
    return text if set(scopes) <= set(known.scopes) else None


def _read(path: Path) -> str | None:
    try:
        text: str = json.loads(path.read_bytes())["apiKey"]
    except (OSError, ValueError, KeyError):
        return None
    return text


async def _issued(parts: Parts, project: Project, path: Path, scopes: tuple[str, ...]) -> str:
    key = new_key()
    command = IssueApiKey(
        name="Development",
        prefix=key.prefix,
        secret_hash=key.hashed(parts.secrets.pepper),
        scopes=scopes,
        default_project_id=project.id,
        rate_limit_per_hour=1_000_000,
    )
    await execute(parts.database.begin, operator_actor(project.organization_id), command)
    write_private(path, json.dumps({"apiKey": key.text}).encode())
    return key.text
