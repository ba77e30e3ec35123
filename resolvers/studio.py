"""What all requests share, as resolvers find it; without GraphQL, which is long to load and not for everybody."""

from collections.abc import Callable
from dataclasses import dataclass

from domain.offers import Offers
from domain.ports import Begin, Flags
from gateway.metering import Meter
from gateway.starts import Starts
from gateway.uploads import Uploads
from storage.announcements import Announcements
from storage.events import EventLog
from storage.live_images import LiveImages
from storage.reads import Reads
from streams.feeds.cursors import Cursors
from streams.feeds.deliveries import Deliveries
from streams.feeds.hub import Hub
from streams.presence.rooms import Rooms


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """
    What all requests share. `public_url` is how the outside reaches this server; `webhook_secret` tells what signs
    messages in a name.
    """

    begin: Begin
    reads: Reads
    events: EventLog
    announcements: Announcements
    hub: Hub
    rooms: Rooms
    deliveries: Deliveries
    cursors: Cursors
    offers: Offers
    flags: Flags
    meter: Meter
    starts: Starts
    live_images: LiveImages
    uploads: Uploads
    public_url: str
    webhook_secret: Callable[[str, int], str]
