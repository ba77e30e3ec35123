"""Live delivery, put together: what is told, to whom, and who is there."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

from broadcaster import Broadcast
from sqlalchemy.ext.asyncio import AsyncEngine

from app.settings import Settings
from gateway.identity import Identity
from storage.announcements import Announcements
from storage.bus import create_bus
from storage.events import EventLog
from storage.presences import open_presences
from streams.feeds.announcer import Announcer
from streams.feeds.cursors import Cursors
from streams.feeds.deliveries import Deliveries
from streams.feeds.hub import Hub
from streams.presence.rooms import Rooms
from streams.sockets.attendance import Attendance
from streams.whole import settled

AGAIN_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamParts:
    events: EventLog
    announcer: Announcer
    announcements: Announcements
    cursors: Cursors
    hub: Hub
    deliveries: Deliveries
    rooms: Rooms


async def open_streams(
    stack: AsyncExitStack, engine: AsyncEngine, database_url: str, settings: Settings, cursor_key: bytes
) -> StreamParts:
    stack.push_async_callback(settled)
    bus = await stack.enter_async_context(create_bus(redis_url=settings.redis_url, database_url=database_url))
    events, announcer, cursors = EventLog(engine), Announcer(bus), Cursors(cursor_key)
    hub = Hub(bus, events, check_seconds=settings.feed_check_seconds)
    for run in (announcer.run, hub.run):
        stack.push_async_callback(end, asyncio.create_task(run()))
    stack.push_async_callback(announcer.finish)
    return StreamParts(
        events=events,
        announcer=announcer,
        announcements=Announcements(engine),
        cursors=cursors,
        hub=hub,
        deliveries=Deliveries(hub, cursors),
        rooms=await _rooms(stack, bus, settings),
    )


async def _rooms(stack: AsyncExitStack, bus: Broadcast, settings: Settings) -> Rooms:
    presences = await stack.enter_async_context(open_presences(settings.redis_url))
    if settings.redis_url is None:  # each process knows of its own alone, so the others need not hear of it
        bus = await stack.enter_async_context(Broadcast("memory://"))
    rooms = Rooms(bus, presences, seconds=settings.presence_seconds)
    stack.push_async_callback(end, asyncio.create_task(rooms.run()))
    stack.push_async_callback(rooms.close)
    return rooms


def open_attendance(stack: AsyncExitStack, identity: Identity, settings: Settings) -> Attendance:
    attendance = Attendance(
        identity.still_valid,
        recheck_seconds=settings.socket_recheck_seconds,
        idle_seconds=settings.socket_idle_seconds,
        most=settings.sockets_per_caller,
    )
    stack.push_async_callback(end, asyncio.create_task(attendance.run()))
    return attendance


async def end(task: "asyncio.Task[None]") -> None:
    """More than once: before Python 3.12 a library's wait_for may swallow it."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=AGAIN_SECONDS)
