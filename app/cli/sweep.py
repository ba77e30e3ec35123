"""`easel sweep`."""

import sys
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn

from app.cli.database import database, run
from app.logs import configure_logs
from app.parts import Parts, open_parts
from app.settings import Settings, read_settings
from app.sweeping import Found, Sweep

MIB = 1024 * 1024


def register(application: typer.Typer) -> None:
    application.command(rich_help_panel="Run")(sweep)


def sweep(
    *,
    delete: Annotated[bool, typer.Option("--delete", help="Remove it; without, it is only counted.")] = False,
    older_than_hours: Annotated[
        float, typer.Option(min=1, max=87_600, help="How old what is removed has to be, in hours.")
    ] = 24,
) -> None:
    """Find what is in the object store and belongs to nothing; remove it with --delete."""
    settings = read_settings()
    configure_logs(settings.log_format)
    with database(settings) as url:
        found, removed = run(_sweep(settings, url, timedelta(hours=older_than_hours), delete=delete))
    _tell(found, "would be removed" if removed is None else "found")
    if removed is not None:
        _tell(removed, "removed")
    elif found.orphans:
        sys.stdout.write("Nothing was removed. To remove it: ./easel sweep --delete\n")


async def _sweep(
    settings: Settings, database_url: str, older_than: timedelta, *, delete: bool
) -> tuple[Found, Found | None]:
    progress = Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        console=Console(stderr=True), transient=True,
    )  # fmt: skip
    async with open_parts(settings, database_url, settings.url()) as parts:
        with progress:
            task = progress.add_task("Looking through the store", total=None)
            found = await _of(parts, older_than, progress, task).look()
            if not delete:
                return found, None
            task = progress.add_task("Removing what belongs to nothing", total=found.objects)
            return found, await _of(parts, older_than, progress, task).delete(found)


def _of(parts: Parts, older_than: timedelta, progress: Progress, task: TaskID) -> Sweep:
    return Sweep(
        engine=parts.engine,
        objects=parts.objects,
        older_than=older_than,
        seen=lambda count: progress.advance(task, count),
    )


def _tell(found: Found, what: str) -> None:
    """One line for each kind, and one for all."""
    for kind, count in sorted(found.orphans.items()):
        sys.stdout.write(f"{what}: {kind:12} {count:>10,} objects {found.orphan_bytes[kind] / MIB:>12,.1f} MiB\n")
    total, size = found.orphans.total(), found.orphan_bytes.total() / MIB
    sys.stdout.write(f"{what}: {total:,} of {found.objects:,} objects, {size:,.1f} MiB\n")
