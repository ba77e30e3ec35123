"""An API key: a program's credential, of the organization or of one of its projects."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.ids import Id, new_id
from domain.permissions import EVERYTHING, OF_THE_STUDIO, Actor, permissions_of
from domain.ports import Command, Shown, Transaction
from domain.projects import Project
from domain.text import NAME_LENGTH, require_length
from domain.versions import require_version

REQUESTS_PER_HOUR = 100
MOST_REQUESTS_PER_HOUR = 10_000_000
ALL = "*"


@dataclass(slots=True, kw_only=True)
class ApiKey:
    """
    Only an HMAC of its secret is kept: the secret itself is shown once.

    `project_id` confines it to that project; `default_project_id` is meant where it names none.
    """

    id: Id = field(default_factory=new_id)
    organization_id: Id
    name: str
    prefix: str
    secret_hash: bytes = field(repr=False)
    scopes: tuple[str, ...]
    project_id: Id | None = None
    default_project_id: Id | None = None
    rate_limit_per_hour: int = REQUESTS_PER_HOUR
    version: int = 1
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(kw_only=True)
class CreateApiKey(Command[Shown[ApiKey]]):
    """
    Make an API key, of the organization or of one project. Its secret is in this answer and nowhere else.

    `scopes` are `resource:action`, as runs:start, or `*`, which is all of them but announcements:write; nobody can give
    more than they have. `rate_limit_per_hour` is 100 where left out.
    """

    project_id: Id | None = None
    name: str
    scopes: list[str]
    expires_at: datetime | None = None
    rate_limit_per_hour: int | None = None

    def __post_init__(self) -> None:
        require_length(self.name, "name", longest=NAME_LENGTH)
        _require_rate(self.rate_limit_per_hour)
        _require_scopes(self.scopes)


async def create_api_key(tx: Transaction, actor: Actor, command: CreateApiKey) -> Shown[ApiKey]:
    _require_own(actor, command.scopes)
    project_id = command.project_id or actor.project_id
    organization_id = actor.organization_id
    if project_id is not None:
        organization_id = (await tx.get(Project, project_id)).organization_id
    _require_future(command.expires_at)
    made = tx.new_key()
    key = ApiKey(
        organization_id=organization_id,
        name=command.name,
        prefix=made.prefix,
        secret_hash=made.secret_hash,
        scopes=tuple(dict.fromkeys(command.scopes)),
        project_id=project_id,
        rate_limit_per_hour=_or_default(command.rate_limit_per_hour),
        expires_at=command.expires_at,
    )
    tx.add(key)
    return Shown(key, made.text)


@dataclass(kw_only=True)
class UpdateApiKey(Command[ApiKey]):
    """Change what is given of a key; its scopes and its project stay: make another key for others."""

    id: Id
    expected_version: int | None = None
    name: str | None = None
    expires_at: datetime | None = None
    rate_limit_per_hour: int | None = None

    def __post_init__(self) -> None:
        if self.name is not None:
            require_length(self.name, "name", longest=NAME_LENGTH)
        _require_rate(self.rate_limit_per_hour)


async def update_api_key(tx: Transaction, actor: Actor, command: UpdateApiKey) -> ApiKey:
    key = await tx.get(ApiKey, command.id, lock=True)
    require_version(key.version, command.expected_version)
    _require_own(actor, key.scopes)
    if key.revoked_at is not None:
        raise DomainError(ErrorCode.CONFLICT, "This key was revoked: make another one")
    _require_future(command.expires_at)
    key.name = key.name if command.name is None else command.name
    key.expires_at = key.expires_at if command.expires_at is None else command.expires_at
    if command.rate_limit_per_hour is not None:
        _require_other(actor, key)
        key.rate_limit_per_hour = command.rate_limit_per_hour
    key.version += 1
    tx.save(key)
    return key


@dataclass(kw_only=True)
class RevokeApiKey(Command[ApiKey]):
    """Shut a key out, at once and for good. Again changes nothing."""

    id: Id


async def revoke_api_key(tx: Transaction, actor: Actor, command: RevokeApiKey) -> ApiKey:
    key = await tx.get(ApiKey, command.id, lock=True)
    if key.revoked_at is None:
        key.revoked_at = datetime.now(UTC)
        key.version += 1
        tx.save(key)
    return key


@dataclass(kw_only=True)
class IssueApiKey(Command[ApiKey]):
    """Let in whoever has the secret behind this hash."""

    name: str
    prefix: str
    secret_hash: bytes = field(repr=False)
    scopes: tuple[str, ...]
    default_project_id: Id | None = None
    rate_limit_per_hour: int = REQUESTS_PER_HOUR


async def issue_api_key(tx: Transaction, actor: Actor, command: IssueApiKey) -> ApiKey:
    key = ApiKey(
        organization_id=actor.organization_id,
        name=command.name,
        prefix=command.prefix,
        secret_hash=command.secret_hash,
        scopes=command.scopes,
        default_project_id=command.default_project_id,
        rate_limit_per_hour=command.rate_limit_per_hour,
    )
    tx.add(key)
    return key


def _or_default(rate: int | None) -> int:
    return REQUESTS_PER_HOUR if rate is None else rate


def _require_rate(rate: int | None) -> None:
    if rate is not None and not 1 <= rate <= MOST_REQUESTS_PER_HOUR:
        raise InvalidInput(f"rateLimitPerHour must be 1 to {MOST_REQUESTS_PER_HOUR:,}", field="rateLimitPerHour")


def _require_scopes(scopes: list[str]) -> None:
    known = {ALL, *EVERYTHING, *OF_THE_STUDIO}
    if not scopes:
        raise InvalidInput("Name what the key may do: * or scopes as runs:start", field="scopes")
    if unknown := [scope for scope in scopes if scope not in known]:
        told = ", ".join(sorted(known))
        raise InvalidInput(f"'{unknown[0][:80]}' is not a scope; known: {told}", field="scopes")


def _require_own(actor: Actor, scopes: list[str] | tuple[str, ...]) -> None:
    """Else a key that may make keys could make one that may do everything."""
    if beyond := sorted(permissions_of(tuple(scopes)) - actor.permissions):
        raise DomainError(ErrorCode.FORBIDDEN, f"You cannot give what you do not have: {beyond[0]}", field="scopes")


def _require_other(actor: Actor, key: ApiKey) -> None:
    if actor.subject == key.id:
        raise DomainError(
            ErrorCode.FORBIDDEN, "A key cannot change its own limit: use another", field="rateLimitPerHour"
        )


def _require_future(moment: datetime | None) -> None:
    if moment is not None and moment <= datetime.now(UTC):
        raise InvalidInput("expiresAt must be in the future", field="expiresAt")
