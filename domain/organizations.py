"""An organization: the tenant. It owns projects, keys and credits."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from domain.accounts import Account
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
    tx.add(organization, Account(id=organization.id, organization_id=organization.id))
    return organization
