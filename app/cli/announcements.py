"""`easel announce`."""

import sys
from datetime import datetime
from typing import Annotated

import typer

from app.cli.database import database, run
from app.logs import configure_logs
from app.parts import open_parts
from app.settings import Settings, read_settings
from domain.announcements import EVERYBODY, LEVELS, Announce, Announcement, EndAnnouncement
from domain.commands import execute
from domain.errors import InvalidInput
from domain.ids import Id
from domain.permissions import operator_actor
from domain.plain import rfc3339
from domain.ports import Command


def register(application: typer.Typer) -> None:
    application.command(rich_help_panel="Run")(announce)


def announce(
    message: Annotated[str | None, typer.Argument(help="What to tell, on one line.")] = None,
    *,
    level: Annotated[str, typer.Option(help=f"How much it matters: {', '.join(LEVELS)}.")] = LEVELS[0],
    starts: Annotated[
        str | None, typer.Option(help="From when on, as 2026-12-01T20:00+01:00; without an offset by this clock.")
    ] = None,
    ends: Annotated[str | None, typer.Option(help="Until when; else until it is ended.")] = None,
    as_list: Annotated[bool, typer.Option("--list", help="Show those that have not ended.")] = False,
    end: Annotated[str | None, typer.Option(help="End the one with this id, now.")] = None,
) -> None:
    """Tell everybody something, of every organization on this server."""
    if [message is not None, as_list, end is not None].count(True) != 1:
        raise InvalidInput("Say one thing: a message in quotes to announce, --list, or --end ID. See --help")
    settings = read_settings()
    configure_logs(settings.log_format)
    command: Command[Announcement] | None = None
    if message is not None:
        begin, finish = _moment(starts, "--starts"), _moment(ends, "--ends")
        command = Announce(level=level, message=message, starts_at=begin, ends_at=finish)
    elif end is not None:
        command = EndAnnouncement(id=Id(end))
    with database(settings) as url:
        for told in run(_done(settings, url, command)):
            sys.stdout.write(_line(told) + "\n")


async def _done(settings: Settings, database_url: str, command: Command[Announcement] | None) -> list[Announcement]:
    async with open_parts(settings, database_url, settings.url()) as parts:
        if command is None:
            return await parts.studio.announcements.open()
        return [await execute(parts.database.begin, operator_actor(EVERYBODY), command)]


def _line(told: Announcement) -> str:
    ends = f"to {rfc3339(told.ends_at)}" if told.ends_at else "until it is ended"
    return f"{told.id}  {told.level:8}  from {rfc3339(told.starts_at)} {ends}  {told.message}"


def _moment(text: str | None, option: str) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"{option} is a moment, as 2026-12-01T20:00+01:00") from error
