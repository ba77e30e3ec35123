"""An announcement: what the studio tells everybody, of every organization, for a while."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.events import Event
from domain.ids import NO_ID, Id, new_id
from domain.permissions import Actor
from domain.plain import payload_of
from domain.ports import Command, Transaction
from domain.text import require_length

# Stands for all projects at once: announcements are numbered by a sequence of their own, and followed, under this id.
EVERYBODY = NO_ID
LEVELS = ("info", "warning", "critical")
MESSAGE_LENGTH = 2_000
MOST_OPEN = 100
FARTHEST = timedelta(days=3_653)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_TOLD = ("id", "level", "message", "starts_at", "ends_at", "version")


@dataclass(slots=True, kw_only=True)
class Announcement:
    """
    From `starts_at` on it is everybody's to see, until `ends_at`, or until it is ended.

    `started_at` and `ended_at` are when that was told; one that was ended before it began was told to nobody.
    """

    id: Id = field(default_factory=new_id)
    level: str
    message: str
    starts_at: datetime
    ends_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    version: int = 1
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def is_over(self, now: datetime) -> bool:
        return self.ended_at is not None or (self.ends_at is not None and self.ends_at <= now)

    def catch_up(self, now: datetime) -> list[Event]:
        """What is to be told by now, and was not."""
        told = []
        if self.started_at is None and self.ended_at is None and self.starts_at <= now:
            self.started_at = now
            self.version += 1
            told.append(self.told("announcement.started"))
        if self.ended_at is None and self.is_over(now):
            told.append(self._close(now))
        return told

    def end(self, now: datetime) -> list[Event]:
        """It ends now; one that nobody was told of ends without a word."""
        told = self.catch_up(now)
        if self.ended_at is None:
            self.ends_at = max(now, self.starts_at)
            closed = self._close(now)
            told += [closed] if self.started_at is not None else []
        return told

    def _close(self, now: datetime) -> Event:
        self.ended_at = now
        self.version += 1
        return self.told("announcement.ended")

    def told(self, name: str) -> Event:
        return Event(
            event=name,
            channel="announcements",
            project_id=EVERYBODY,
            subject_type="Announcement",
            subject_id=self.id,
            version=self.version,
            payload=self.payload,
        )

    @property
    def payload(self) -> dict[str, Any]:
        """As the announcements channel tells it."""
        return payload_of(self, _TOLD)


@dataclass(kw_only=True)
class Announce(Command[Announcement]):
    """Tell everybody something, of every organization: now, or from `starts_at` on."""

    level: str
    message: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise InvalidInput(f"level must be one of {', '.join(LEVELS)}", field="level")
        require_length(self.message, "message", longest=MESSAGE_LENGTH)
        if _CONTROLS.search(self.message):
            message = "message must not contain control characters, such as line breaks or tabs: write it on one line"
            raise InvalidInput(message, field="message")


async def announce(tx: Transaction, actor: Actor, command: Announce) -> Announcement:
    now = datetime.now(UTC)
    starts_at = now if command.starts_at is None else command.starts_at
    _require_times(starts_at, command.ends_at, now)
    await _require_room(tx, now)
    made = Announcement(
        level=command.level,
        message=command.message,
        starts_at=starts_at,
        ends_at=command.ends_at,
        started_at=now if starts_at <= now else None,
    )
    if made.started_at is not None:
        tx.record(made.told("announcement.started"))
    tx.add(made)
    return made


@dataclass(kw_only=True)
class EndAnnouncement(Command[Announcement]):
    """End an announcement now, or call it off before it begins. Again changes nothing."""

    id: Id


async def end_announcement(tx: Transaction, actor: Actor, command: EndAnnouncement) -> Announcement:
    found = await tx.get(Announcement, command.id, lock=True)
    if found.ended_at is None:
        tx.record(*found.end(tx.now))
        tx.save(found)
    return found


@dataclass(kw_only=True)
class TellAnnouncement(Command[Announcement]):
    """Tell that an announcement has begun or ended, once its time has come; whoever comes later tells nothing."""

    id: Id


async def tell_announcement(tx: Transaction, actor: Actor, command: TellAnnouncement) -> Announcement:
    found = await tx.get(Announcement, command.id, lock=True)
    if told := found.catch_up(tx.now):
        tx.record(*told)
        tx.save(found)
    return found


def _require_times(starts_at: datetime, ends_at: datetime | None, now: datetime) -> None:
    for moment, name in ((starts_at, "startsAt"), (ends_at, "endsAt")):
        if moment is not None and abs(moment - now) > FARTHEST:
            raise InvalidInput(f"{name} must be within ten years of now", field=name)
    if ends_at is not None and ends_at <= now:
        raise InvalidInput("endsAt must be in the future", field="endsAt")
    if ends_at is not None and ends_at <= starts_at:
        raise InvalidInput("endsAt must be after startsAt", field="endsAt")


async def _require_room(tx: Transaction, now: datetime) -> None:
    """Counted by one at a time, so that many at once do not make more than there may be."""
    await tx.alone("announcements")
    still_open = [one for one in await tx.find(Announcement, ended_at=None) if not one.is_over(now)]
    if len(still_open) >= MOST_OPEN:
        message = f"{MOST_OPEN} announcements have not ended yet: end one of them first"
        raise DomainError(ErrorCode.CONFLICT, message)
