"""API keys."""

from datetime import datetime

from domain import api_keys as domain_api_keys
from resolvers import api_keys, mutations
from resolvers.mutations import Payload
from schema.fields import of, said
from schema.types import Node, Project


@of(domain_api_keys.ApiKey)
class ApiKey(Node):
    """A program's credential. Its secret is shown once, when it is made."""

    name: str = said("Its name, 1 to 200 characters.")
    prefix: str = said("How it begins: enough to know it by, and no secret.")
    scopes: list[str] = said("What it may do, as runs:start; * is everything but announcements:write.")
    project: Project | None = said(
        "The project it is confined to; null where it is the organization's.", api_keys.project_of
    )
    rate_limit_per_hour: int = said("How many requests of /generate and /api/v1 it may make in an hour.")
    created_at: datetime = said("When it was made.")
    expires_at: datetime | None = said("When it stops to open anything.")
    last_used_at: datetime | None = said("When it was last used, to the minute.")
    revoked_at: datetime | None = said("When it was revoked.")
    version: int = said("Grows by 1 with each change.")


@of(Payload)
class ApiKeyPayload:
    """The key as it is now."""

    client_mutation_id: str | None = said("The caller's own id of the change, as it was sent.")
    api_key: ApiKey = said("The key.", mutations.entity_of)
    secret: str | None = said(
        "The key's text, for X-API-Key; only in the first answer to `createApiKey`.", mutations.secret_of
    )
