"""A webhook endpoint: an address of somebody else's that is told what happens in a project."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.events import EVENTS
from domain.ids import Id, new_id
from domain.permissions import Actor
from domain.ports import Command, Shown, Transaction
from domain.projects import Project
from domain.retry_schedule import LONGEST_WAIT, Outcome, has_failed_too_long
from domain.versions import require_version

EVERY = "*"
MOST_ENDPOINTS = 50
MOST_FILTERS = 50
MOST_ROTATIONS = 5
OVERLAP = timedelta(hours=24)
# Longer than any pause between attempts: what failed before that says nothing of what fails now.
QUIET = LONGEST_WAIT + timedelta(hours=6)
GONE = "The receiver answered 410 Gone"
UNREACHABLE = "Nothing was taken for five days"
DELETED = "It was deleted"


@dataclass(slots=True, kw_only=True)
class WebhookEndpoint:
    """
    `events` are names of events, `run.*` for all of a kind, or `*`. With a `run_id` it is told of that run alone.

    Its secret is derived from the server's and `secret_version`, and kept nowhere; for a day after each of `rotations`
    the one before signs too. `failing_since` is when it last took nothing, after it had taken something.
    """

    id: Id = field(default_factory=new_id)
    organization_id: Id
    project_id: Id
    run_id: Id | None = None
    url: str
    events: tuple[str, ...]
    enabled: bool = True
    disabled_reason: str | None = None
    secret_version: int = 1
    rotations: tuple[datetime, ...] = ()
    failing_since: datetime | None = None
    failed_at: datetime | None = None
    version: int = 1
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    deleted_at: datetime | None = None

    @property
    def secret_name(self) -> str:
        """What its secret is derived for: itself, or, where it is one run's, the project."""
        return self.id if self.run_id is None else self.project_id

    def signing_versions(self, now: datetime) -> tuple[int, ...]:
        """Of its secret, those that sign now, the newest first."""
        return tuple(self.secret_version - back for back in range(len(self.recent_rotations(now)) + 1))

    def recent_rotations(self, now: datetime) -> tuple[datetime, ...]:
        """Since when less than a day has passed, the oldest first."""
        return tuple(moment for moment in self.rotations if now - moment < OVERLAP)

    def disable(self, reason: str) -> None:
        self.enabled, self.disabled_reason = False, reason
        self.version += 1

    def learn(self, outcome: Outcome, now: datetime) -> bool:
        """What an attempt says of it; False where that is nothing new."""
        known = self.failing_since, self.enabled
        went_quiet = self.failed_at is not None and now - self.failed_at > QUIET
        if outcome is Outcome.DELIVERED:
            self.failing_since = self.failed_at = None
        else:
            self.failing_since = now if went_quiet or self.failing_since is None else self.failing_since
            self.failed_at = now
        if self.enabled and outcome is Outcome.ENDPOINT_GONE:
            self.disable(GONE)
        elif self.enabled and has_failed_too_long(self.failing_since, now):
            self.disable(UNREACHABLE)
        return outcome is not Outcome.DELIVERED or (self.failing_since, self.enabled) != known

    def enable(self) -> None:
        self.enabled, self.disabled_reason, self.failing_since, self.failed_at = True, None, None, None


@dataclass(kw_only=True)
class CreateWebhookEndpoint(Command[Shown[WebhookEndpoint]]):
    """Tell an address what happens in a project. The secret that signs what is sent is in this answer alone."""

    project_id: Id
    url: str
    events: list[str] | None = field(default_factory=lambda: [EVERY])

    def __post_init__(self) -> None:
        _require_events(self.events)


async def create_webhook_endpoint(
    tx: Transaction, actor: Actor, command: CreateWebhookEndpoint
) -> Shown[WebhookEndpoint]:
    project = await tx.get(Project, command.project_id, lock=True)
    tx.require_callable(command.url)
    if len(await tx.find(WebhookEndpoint, project_id=project.id, run_id=None, deleted_at=None)) >= MOST_ENDPOINTS:
        raise DomainError(ErrorCode.QUOTA_EXCEEDED, f"A project has up to {MOST_ENDPOINTS} endpoints: delete one first")
    endpoint = WebhookEndpoint(
        organization_id=project.organization_id,
        project_id=project.id,
        url=command.url,
        events=tuple(dict.fromkeys(command.events or [EVERY])),
    )
    tx.add(endpoint)
    return _shown(tx, endpoint)


def callback_of(project: Project, run_id: Id, url: str, *events: str) -> WebhookEndpoint:
    """An endpoint for one run's sake."""
    return WebhookEndpoint(
        organization_id=project.organization_id, project_id=project.id, run_id=run_id, url=url, events=events
    )


@dataclass(kw_only=True)
class UpdateWebhookEndpoint(Command[WebhookEndpoint]):
    """Change what is given of an endpoint. Enabled again, it gets what waited for it too."""

    id: Id
    expected_version: int | None = None
    url: str | None = None
    events: list[str] | None = None
    enabled: bool | None = None

    def __post_init__(self) -> None:
        _require_events(self.events)


async def update_webhook_endpoint(tx: Transaction, actor: Actor, command: UpdateWebhookEndpoint) -> WebhookEndpoint:
    endpoint = await endpoint_of(tx, command.id)
    require_version(endpoint.version, command.expected_version)
    if command.url is not None:
        tx.require_callable(command.url)
        endpoint.url = command.url
        endpoint.failing_since = endpoint.failed_at = None
    endpoint.events = endpoint.events if command.events is None else tuple(dict.fromkeys(command.events))
    if command.enabled and not endpoint.enabled:
        endpoint.enable()
    elif command.enabled is False and endpoint.enabled:
        endpoint.enabled, endpoint.disabled_reason = False, "Disabled by hand"
    endpoint.version += 1
    tx.save(endpoint)
    return endpoint


@dataclass(kw_only=True)
class DeleteWebhookEndpoint(Command[Id]):
    """Tell an endpoint nothing more. Again changes nothing."""

    id: Id


async def delete_webhook_endpoint(tx: Transaction, actor: Actor, command: DeleteWebhookEndpoint) -> Id:
    endpoint = await tx.get(WebhookEndpoint, command.id, lock=True)
    if endpoint.deleted_at is None:
        endpoint.deleted_at = tx.now
        endpoint.disable(DELETED)
        tx.save(endpoint)
    return endpoint.id


@dataclass(kw_only=True)
class RotateWebhookSecret(Command[Shown[WebhookEndpoint]]):
    """Take another secret. For 24 hours the one before signs too, so that receivers can be changed meanwhile."""

    id: Id


async def rotate_webhook_secret(tx: Transaction, actor: Actor, command: RotateWebhookSecret) -> Shown[WebhookEndpoint]:
    endpoint = await endpoint_of(tx, command.id)
    recent = endpoint.recent_rotations(tx.now)
    if len(recent) >= MOST_ROTATIONS:
        message = f"A secret is changed {MOST_ROTATIONS} times a day at most, as each signs for a day after"
        raise DomainError(ErrorCode.CONFLICT, message)
    endpoint.secret_version += 1
    endpoint.rotations = (*recent, tx.now)
    endpoint.version += 1
    tx.save(endpoint)
    return _shown(tx, endpoint)


async def endpoint_of(tx: Transaction, id: Id) -> WebhookEndpoint:
    """The endpoint, this transaction's to change; one that was deleted is not there."""
    endpoint = await tx.get(WebhookEndpoint, id, lock=True)
    if endpoint.deleted_at is not None:
        raise DomainError(ErrorCode.NOT_FOUND, "This webhook endpoint was deleted")
    return endpoint


def _shown(tx: Transaction, endpoint: WebhookEndpoint) -> Shown[WebhookEndpoint]:
    return Shown(endpoint, tx.webhook_secret(endpoint.secret_name, endpoint.secret_version))


def _require_events(events: list[str] | None) -> None:
    if events is None:
        return
    if not 1 <= len(events) <= MOST_FILTERS:
        raise InvalidInput(f"Name 1 to {MOST_FILTERS} events, or * for all", field="events")
    known = {EVERY, *EVENTS, *(f"{name.partition('.')[0]}.*" for name in EVENTS if "." in name)}
    if unknown := [name for name in events if name not in known]:
        told = ", ".join(sorted(known))
        raise InvalidInput(f"'{unknown[0][:80]}' is not an event; known: {told}", field="events")
