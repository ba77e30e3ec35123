"""Announcements."""

from datetime import datetime

from domain import announcements as domain_announcements
from resolvers import mutations
from resolvers.mutations import Payload
from schema.fields import of, said
from schema.types import Node


@of(domain_announcements.Announcement)
class Announcement(Node):
    """What the studio tells everybody, of every organization, for a while."""

    level: str = said("How much it matters: info, warning or critical.")
    message: str = said("What is told, one line of 1 to 2,000 characters.")
    starts_at: datetime = said("From when on it holds.")
    ends_at: datetime | None = said("Until when it holds; null until it is ended.")
    version: int = said("Grows by 1 with each change, and as it begins and ends.")


@of(Payload)
class AnnouncementPayload:
    """The announcement as it is now."""

    client_mutation_id: str | None = said("The caller's own id of the change, as it was sent.")
    announcement: Announcement = said("The announcement.", mutations.entity_of)
