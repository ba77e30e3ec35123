"""Webhooks: who is told what happens, and what became of each message."""

from datetime import datetime
from typing import Any

from domain import webhook_deliveries as domain_deliveries
from domain import webhooks as domain_webhooks
from domain.ids import Id
from resolvers import mutations, webhooks
from resolvers.mutations import Payload
from resolvers.projects import project_of
from schema.connections import Connection
from schema.fields import of, said
from schema.types import Node, Project

_ECHO = "The caller's own id of the change, as it was sent."


@of(domain_deliveries.WebhookDelivery)
class WebhookDelivery(Node):
    """One message on its way to one endpoint."""

    event: str = said("What it tells of, as run.completed.")
    status: str = said("PENDING until it is due, SENDING, DELIVERED, or FAILED once it was given up.")
    attempt: int = said("How often it was sent.")
    response_status: int | None = said("The HTTP status of the last answer; null where there was none.")
    next_attempt_at: datetime | None = said("When it is sent next; null where it is not.")
    payload: Any = said("What is sent.")
    created_at: datetime = said("When what it tells of happened.")
    message_id: str = said("The `webhook-id` it is sent with: the same each time, and when it is redelivered.")
    response_excerpt: str | None = said("How the last answer began, up to 1,000 characters.")
    error: str | None = said("Why there was no answer, the last time.")
    finished_at: datetime | None = said("When it was delivered or given up.")


@of(domain_webhooks.WebhookEndpoint)
class WebhookEndpoint(Node):
    """An address that is told what happens in a project, signed as of Standard Webhooks."""

    project: Project = said("Whose events it is told.", project_of)
    url: str = said("Where messages are sent.")
    events: list[str] = said("Which events it is told: names, run.* for all of a kind, or *.")
    enabled: bool = said("Whether messages are sent.")
    disabled_reason: str | None = said("Why none are sent.")
    version: int = said("Grows by 1 with each change.")
    created_at: datetime = said("When it was made.")
    deliveries: Connection[WebhookDelivery] = said("What was sent to it, newest first.", webhooks.deliveries_of)


@of(Payload)
class WebhookEndpointPayload:
    """The endpoint as it is now."""

    client_mutation_id: str | None = said(_ECHO)
    endpoint: WebhookEndpoint = said("The endpoint.", mutations.entity_of)
    secret: str | None = said(
        "What signs its messages, whsec_…; only in the first answer to what made it.", mutations.secret_of
    )


@of(Payload)
class WebhookDeliveryPayload:
    """The message as it is now."""

    client_mutation_id: str | None = said(_ECHO)
    delivery: WebhookDelivery = said("The message.", mutations.entity_of)


@of(Payload)
class DeletePayload:
    """What is there no more."""

    client_mutation_id: str | None = said(_ECHO)
    deleted_id: Id = said("Its id.", mutations.entity_of)
