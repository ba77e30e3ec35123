"""Webhook endpoints and what was sent to them."""

from dataclasses import dataclass
from typing import Any

from domain.ids import Id
from domain.permissions import Permission
from domain.ports import Command
from domain.projects import Project
from domain.webhook_deliveries import WebhookDelivery
from domain.webhooks import WebhookEndpoint
from resolvers.context import Info
from storage.pages import Page


@dataclass(kw_only=True)
class OfEndpoint(Command[Any]):
    """Which endpoint is meant."""

    id: Id


async def webhook_endpoints(info: Info, project_id: Id) -> list[WebhookEndpoint]:
    """The project's endpoints, newest first; those of single runs are none of them."""
    wanted = {"project_id": project_id, "run_id": None, "deleted_at": None}
    return await info.context.reads.many(WebhookEndpoint, info.context.actor, **wanted)


async def deliveries_of(
    root: WebhookEndpoint, info: Info, first: int | None = 20, after: str | None = None
) -> Page[WebhookDelivery]:
    reads, actor = info.context.reads, info.context.actor
    return await reads.page(WebhookDelivery, actor, first=first, after=after, endpoint_id=root.id)


def callback_secret_of(root: Project, info: Info) -> str | None:
    """What signs the callbacks of the project's generation jobs; None for who may not know it."""
    if not info.context.actor.may(Permission.WEBHOOKS_WRITE, root.id):
        return None
    return info.context.studio.webhook_secret(root.id, 1)
