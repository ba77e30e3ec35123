"""The nouns: organizations, projects, workflows, assets."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from domain import assets as domain_assets
from domain import comparison, graphs, problems
from domain import members as domain_members
from domain import organizations as domain_organizations
from domain import presence as domain_presence
from domain import projects as domain_projects
from domain import workflows as domain_workflows
from domain.ids import Id
from domain.kinds import kind as domain_kinds
from domain.permissions import Role
from resolvers import accounts, flows, generations, members, projects, shots, webhooks, workflows
from resolvers.live_scopes import live_scopes_of, live_url_secret_of
from schema.accounts import CreditBalance
from schema.connections import Connection
from schema.fields import of, said

if TYPE_CHECKING:
    from schema.pictures import Flow, Generation, Image, LiveScope
    from schema.runs import Run
    from schema.shots import ShotBatch

LazyRun = Annotated["Run", strawberry.lazy("schema.runs")]
LazyFlow = Annotated["Flow", strawberry.lazy("schema.pictures")]
LazyGeneration = Annotated["Generation", strawberry.lazy("schema.pictures")]
LazyImage = Annotated["Image", strawberry.lazy("schema.pictures")]
LazyShotBatch = Annotated["ShotBatch", strawberry.lazy("schema.shots")]
LazyLiveScope = Annotated["LiveScope", strawberry.lazy("schema.pictures")]


@strawberry.interface(description="Anything that can be asked for by its id.")
class Node:
    id: Id = said("A UUIDv7, unique across all types.")


@of(domain_organizations.Organization)
class Organization(Node):
    """A tenant: it owns projects, keys and credits."""

    slug: str = said("Its short name, unique on this server.")
    name: str = said("Its name.")
    version: int = said("Grows by 1 with each change.")
    credits: CreditBalance = said("What it has to spend.", accounts.credits_of)
    projects: Connection["Project"] = said("Its projects, newest first.", projects.projects_of_organization)


@of(domain_members.Member)
class Member:
    """A person who is let into a project."""

    subject: str = said("Who they are: the `sub` of their tokens.")
    name: str | None = said("What people call them.")
    role: Role = said("What they may do in the project.")


@of(domain_presence.Presence)
class Presence:
    """Someone who has a project open just now, on one connection: they may be here several times."""

    connection_id: Id = said("Which connection: the same as in the stream.")
    subject: str = said("The key's id, or who the token is for.")
    name: str | None = said("What people call them, or the key's name.")
    state: dict[str, Any] = said("What they say they look at; up to 2 KiB.")
    since: datetime = said("When they came.")
    version: int = said("Grows with each change.")


@of(domain_projects.ProjectSettings)
class ProjectSettings:
    """What a project's owner decides."""

    allow_new_live_scopes: bool = said("Whether a live URL may make a scope that is not there yet.")
    new_scope_generations_limit: int = said("How many pictures a scope made that way may generate.")
    nomenclature: str = said("The template of shot file names: {episode}, {plan}, {version:04} and others.")
    max_auto_scopes: int = said("How many scopes live URLs may make.")
    live_generations_per_day: int = said("How many pictures live URLs may generate in a day.")
    require_signed_live_urls: bool = said("Whether a live URL generates new images only where it is signed.")
    retention_days: int | None = said("Days after which finished runs may be removed; null keeps them.")
    deployment: dict[str, Any] = said("Settings of the studio's own front end.")
    feature_flags: dict[str, Any] = said("Features switched on or off for the project.")


@of(domain_projects.Project)
class Project(Node):
    """A creator workspace: it holds workflows, assets, runs and images."""

    slug: str = said("Its short name, unique in its organization.")
    name: str = said("Its name, 1 to 200 characters.")
    status: domain_projects.ProjectStatus = said("ACTIVE, or ARCHIVED.")
    team: list[Member] = said("Who is let into it by name, in the order they came: up to 200.", members.team_of)
    settings: ProjectSettings = said("What its owner decided.")
    organization: Organization = said("Who owns it.", projects.organization_of)
    version: int = said("Grows by 1 with each change.")
    created_at: datetime = said("When it was made.")
    updated_at: datetime = said("When it was last changed.")
    workflows: Connection["Workflow"] = said("Its workflows, newest first.", projects.workflows_of)
    assets: Connection["Asset"] = said("Its assets, newest first.", projects.assets_of)
    runs: Connection[LazyRun] = said("Its runs, newest first.", projects.runs_of)
    generations: Connection[LazyGeneration] = said("Its generations, newest first.", generations.generations_of)
    flows: Connection[LazyFlow] = said("Its flows, newest first.", flows.flows_of)
    images: Connection[LazyImage] = said("Its images, newest first.", projects.images_of)
    shot_batches: Connection[LazyShotBatch] = said("Its batches of film shots, newest first.", shots.shot_batches_of)
    live_scopes: Connection[LazyLiveScope] = said("Its live scopes, newest first.", live_scopes_of)
    presence: list[Presence] = said("Who is here just now, in the order they came: up to 1,000.", projects.presence_of)
    live_url_secret: str | None = said(
        "What signs live URLs; null for who may not change webhooks.", live_url_secret_of
    )
    callback_secret: str | None = said(
        "What signs the callbacks of POST /generate, whsec_…; null for who may not change webhooks.",
        webhooks.callback_secret_of,
    )


@of(graphs.Position)
class Position:
    """Where an editor draws a node, in pixels."""

    x: float = said("From the left.")
    y: float = said("From the top.")


@of(graphs.Node)
class WorkflowNode:
    """One step of a workflow."""

    id: str = said("The node's own name in its workflow: [a-z][a-z0-9_-]{0,63}.")
    kind: str = said("What it does: one of `nodeKinds`.")
    label: str | None = said("What people call it.")
    config: dict[str, Any] = said("Its settings; `nodeKinds` has their JSON Schema.", lambda root: root.settings)
    position: Position | None = said("Where an editor draws it.")


@of(graphs.Edge)
class WorkflowLink:
    """What flows from one node's output to another's input."""

    source: str = said("`node.port`; a port not named is the node's first.")
    target: str = said("`node.port`; a port not named is the node's first.")


@of(domain_workflows.WorkflowVersion)
class WorkflowVersion:
    """What a workflow was at one version."""

    version: int = said("Its number; a workflow begins with 1.")
    name: str = said("The workflow's name.")
    nodes: list[WorkflowNode] = said("Its steps.")
    edges: list[WorkflowLink] = said("What flowed between them.")
    created_at: datetime = said("When it was made.")
    created_by: str = said("Who made it; `unknown` where that was not kept.")


@of(domain_workflows.Workflow)
class Workflow(Node):
    """A directed graph of AI and human steps. Each change is a new version; runs keep the one they started with."""

    project: Project = said("Where it belongs.", projects.project_of)
    name: str = said("Its name, 1 to 200 characters.")
    nodes: list[WorkflowNode] = said("Its steps, up to 1,000.")
    edges: list[WorkflowLink] = said("What flows between them, up to 5,000.")
    version: int = said("Grows by 1 with each change.")
    versions: Connection[WorkflowVersion] = said("All it has been and is, newest first.", workflows.versions_of)
    at_version: WorkflowVersion | None = said("What it was at one version.", workflows.at_version)
    last_run: LazyRun | None = said("The newest run of any version.", workflows.last_run_of)
    created_at: datetime = said("When it was made.")
    updated_at: datetime = said("When it was last changed.")
    runs: Connection[LazyRun] = said("Its runs, newest first.", workflows.runs_of)


@of(comparison.ConfigChange)
class WorkflowConfigChange:
    """A setting of a node that changed."""

    path: str = said("Its keys, joined by dots; empty where the settings changed as a whole.")
    before: Any | None = said("Its value before; null where there was none.")
    after: Any | None = said("Its value after; null where there is none.")


@of(comparison.NodeChange)
class WorkflowNodeChange:
    """A node that is in both versions, but not the same."""

    node_id: str = said("The node's name in the workflow.")
    parts: list[comparison.NodePart] = said("What of it changed.")
    config: list[WorkflowConfigChange] = said("Which settings changed: up to 100 of them.")
    before: WorkflowNode = said("The node as it was.")
    after: WorkflowNode = said("The node as it is after.")


@of(comparison.Comparison)
class WorkflowComparison:
    """What changed from one version of a workflow to another. The order of nodes and edges is no change."""

    before: WorkflowVersion = said("The version that was asked for as `from`.")
    after: WorkflowVersion = said("The version that was asked for as `to`.")
    nodes_added: list[WorkflowNode] = said("Nodes that are only in `after`.")
    nodes_removed: list[WorkflowNode] = said("Nodes that are only in `before`.")
    nodes_changed: list[WorkflowNodeChange] = said("Nodes that are in both, but not the same.")
    edges_added: list[WorkflowLink] = said("Edges that are only in `after`.")
    edges_removed: list[WorkflowLink] = said("Edges that are only in `before`.")


@of(domain_kinds.Port)
class Port:
    """Where values enter or leave a node."""

    name: str = said("Its name.")
    type: str = said("text, image, number, boolean, json or any.")
    required: bool = said("Whether an edge must lead here.")
    list: bool = said("Whether it takes or gives several values.")


@of(workflows.PricedKind)
class NodeKind:
    """What a workflow can be built from: an editor draws its palette and forms from this."""

    kind: str = said("Its name in workflows.")
    title: str = said("Its name for people.")
    description: str = said("What it does.")
    inputs: list[Port] = said("What it takes.")
    outputs: list[Port] = said("What it gives.")
    config_schema: dict[str, Any] = said("The JSON Schema of its settings.")
    credit_cost: Decimal = said("Credits for one execution with the settings it comes with.")


@of(problems.Problem)
class WorkflowProblem:
    """One thing that is wrong with a graph."""

    node_id: str | None = said("At which node.")
    edge: WorkflowLink | None = said("At which edge.")
    code: str = said("What kind of problem, for programs.")
    message: str = said("What is wrong, for people.")


@of(domain_assets.Asset)
class Asset(Node):
    """A reusable prompt, dataset, UI snippet or file of a project."""

    project: Project = said("Where it belongs.", projects.project_of)
    type: domain_assets.AssetType = said("What it is.")
    label: str = said("Its name, 1 to 200 characters.")
    metadata: dict[str, Any] = said("What is known of it; up to 64 KiB.")
    content: Any | None = said("Its value: a prompt's text, a dataset's rows.")
    version: int = said("Grows by 1 with each change.")
    created_at: datetime = said("When it was made.")
    updated_at: datetime = said("When it was last changed.")
