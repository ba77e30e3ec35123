"""The clock of announcements: whichever worker comes first tells that one has begun or ended, when it is time."""

import asyncio

import structlog

from domain.announcements import EVERYBODY, TellAnnouncement
from domain.commands import execute
from domain.errors import DomainError, ErrorCode
from domain.permissions import engine_actor
from domain.ports import Begin
from storage.announcements import Announcements

LOOK_SECONDS = 1.0

log = structlog.get_logger(__name__)


async def tell_for_ever(begin: Begin, announcements: Announcements, every_seconds: float = LOOK_SECONDS) -> None:
    """What cannot be told now, as while the database is away, is told the next time."""
    while True:
        try:
            await tell_due(begin, announcements)
        except DomainError as error:
            log.warning("announcements could not be told", error=error.message)
        except Exception:  # the next round may tell them, and nobody else would
            log.exception("announcements could not be told")
        await asyncio.sleep(every_seconds)


async def tell_due(begin: Begin, announcements: Announcements) -> None:
    """Tell what is due; what others tell in the same moment is told once. One that cannot be told holds up no other."""
    for id_ in await announcements.due():
        try:
            await execute(begin, engine_actor(EVERYBODY), TellAnnouncement(id=id_))
        except DomainError as error:
            if error.code is ErrorCode.UNAVAILABLE:  # as it is for all of them
                raise
            log.warning("an announcement could not be told", announcement_id=id_, error=error.message)
        except Exception:  # the others are told all the same
            log.exception("an announcement could not be told", announcement_id=id_)
