"""The tables; each holds one noun of the domain, field by field."""

from typing import Any

from sqlalchemy import Table

from domain.accounts import Account, LedgerEntry
from domain.announcements import Announcement
from domain.api_keys import ApiKey
from domain.assets import Asset
from domain.circuits import Circuit
from domain.discarded import Discarded
from domain.flows import Flow
from domain.generations import Generation
from domain.image_uploads import ImageUpload
from domain.images import Image
from domain.leftovers import Leftover
from domain.live_scopes import LiveScope
from domain.live_visits import LiveVisit
from domain.members import Member
from domain.organizations import Organization
from domain.projects import Project, ProjectSequence
from domain.runs import Run
from domain.shots.batch import ShotBatch
from domain.shots.files import ShotFile
from domain.shots.logs import LogLine
from domain.shots.shot import Shot
from domain.steps import Step
from domain.webhook_deliveries import WebhookDelivery
from domain.webhooks import WebhookEndpoint
from domain.workflows import Workflow, WorkflowVersion
from storage.tables.announcements import announcement_events, announcement_sequence, announcements
from storage.tables.execution import FIXED, circuits, events, idempotency_keys, runs, steps
from storage.tables.members import members
from storage.tables.money import accounts, ledger
from storage.tables.pictures import (
    discarded,
    flows,
    generations,
    image_uploads,
    image_variants,
    images,
    leftovers,
    live_scopes,
    live_visits,
)
from storage.tables.shape import metadata
from storage.tables.shots import shot_batches, shot_files, shot_logs, shots
from storage.tables.studio import (
    api_keys,
    assets,
    organizations,
    project_sequences,
    projects,
    workflow_versions,
    workflows,
)
from storage.tables.webhooks import webhook_deliveries, webhook_endpoints

__all__ = [
    "FIXED", "TABLES", "accounts", "announcement_events", "announcement_sequence", "announcements", "api_keys",
    "assets", "circuits", "discarded", "events", "flows", "generations", "idempotency_keys", "image_uploads",
    "image_variants", "images", "ledger", "leftovers", "live_scopes", "live_visits", "members", "metadata",
    "organizations", "project_sequences", "projects", "runs", "shot_batches",
    "shot_files", "shot_logs", "shots", "steps", "webhook_deliveries", "webhook_endpoints",
    "workflow_versions", "workflows",
]  # fmt: skip

TABLES: dict[type[Any], Table] = {
    Organization: organizations,
    ApiKey: api_keys,
    Project: projects,
    ProjectSequence: project_sequences,
    Workflow: workflows,
    WorkflowVersion: workflow_versions,
    Asset: assets,
    Run: runs,
    Step: steps,
    Circuit: circuits,
    Account: accounts,
    LedgerEntry: ledger,
    Image: images,
    Flow: flows,
    Generation: generations,
    LiveScope: live_scopes,
    LiveVisit: live_visits,
    Leftover: leftovers,
    ImageUpload: image_uploads,
    Discarded: discarded,
    ShotBatch: shot_batches,
    Shot: shots,
    ShotFile: shot_files,
    LogLine: shot_logs,
    Member: members,
    WebhookEndpoint: webhook_endpoints,
    WebhookDelivery: webhook_deliveries,
    Announcement: announcements,
}
