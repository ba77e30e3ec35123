"""Announcements: what the studio tells everybody."""

from domain.announcements import Announcement
from domain.permissions import Permission
from resolvers.context import Context, Info


async def announcements(info: Info) -> list[Announcement]:
    context = info.context
    context.actor  # noqa: B018 - raises for who has not said who they are
    return await context.studio.announcements.current()


async def announcement_of(context: Context, id: str) -> Announcement | None:
    """Those that are yet to begin are for those alone who may announce."""
    may_announce = context.actor.may(Permission.ANNOUNCEMENTS_WRITE)
    return await context.studio.announcements.one(id, also_scheduled=may_announce)
