"""An organization: the tenant. It owns projects, keys and credits."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from domain.ids import Id, new_id
from domain.permissions import Actor
from domain.ports import Command, Transaction
from domain.text import NAME_LENGTH, require_length, require_slug


@dataclass(slots=True, kw_only=True)
class Organization:
    id: Id = field(default_factory=new_id)
    slug: str
    name: str
    version: int = 1
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(slots=True, kw_only=True)
class ApiKey:
    """A program's credential. Only an HMAC of its secret is kept: the secret itself is shown once."""

    id: Id = field(default_factory=new_id)
    organization_id: Id
    name: str
    prefix: str
    secret_hash: bytes
    scopes: tuple[str, ...]
    project_id: Id | None = None
    default_project_id: Id | None = None
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(kw_only=True)
class FoundOrganization(Command[Organization]):
    """Make the organization that the actor acts for."""

    slug: str
    name: str

    def __post_init__(self) -> None:
        require_slug(self.slug)
        require_length(self.name, "name", longest=NAME_LENGTH)


async def found_organization(tx: Transaction, actor: Actor, command: FoundOrganization) -> Organization:
    organization = Organization(id=actor.organization_id, slug=command.slug, name=command.name)
    tx.add(organization)
    return organization


@dataclass(kw_only=True)
class IssueApiKey(Command[ApiKey]):
    """Let in whoever has the secret behind this hash."""

    name: str
    prefix: str
    secret_hash: bytes
    scopes: tuple[str, ...]
    default_project_id: Id | None = None


async def issue_api_key(tx: Transaction, actor: Actor, command: IssueApiKey) -> ApiKey:
    key = ApiKey(
        organization_id=actor.organization_id,
        name=command.name,
        prefix=command.prefix,
        secret_hash=command.secret_hash,
        scopes=command.scopes,
        default_project_id=command.default_project_id,
    )
    tx.add(key)
    return key
