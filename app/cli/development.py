"""`easel schema`, `easel asyncapi`, `easel settings`, `easel console`, `easel check`, `easel test`."""

import os
import subprocess
import sys
from pathlib import Path

import structlog
import typer

from app.cli.settings_page import write_settings
from domain.errors import DomainError

ROOT = Path(__file__).parent.parent.parent
PANEL = "Develop"
SCHEMA = ROOT / "schema" / "schema.graphql"
ASYNCAPI = ROOT / "docs" / "asyncapi.yaml"

# What `easel check` runs, in this order.
CHECKS: dict[str, list[str]] = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "types": ["mypy"],
    "imports": ["lint-imports"],
    "shape": ["pytest", "-q", "tests/contract/test_shape.py"],
}

log = structlog.get_logger(__name__)


def register(application: typer.Typer) -> None:
    for command in (schema, asyncapi, settings, console, check):
        application.command(rich_help_panel=PANEL)(command)
    forwarding = {"allow_extra_args": True, "ignore_unknown_options": True}
    application.command(rich_help_panel=PANEL, context_settings=forwarding)(test)


def schema() -> None:
    """Write the GraphQL schema to schema/schema.graphql."""
    from schema import schema as studio_schema  # noqa: PLC0415 - takes a while to build

    SCHEMA.write_text(studio_schema.as_str() + "\n")
    sys.stdout.write(f"Written: {SCHEMA.relative_to(ROOT)}\n")


def asyncapi() -> None:
    """Write the AsyncAPI document of the streams to docs/asyncapi.yaml."""
    from app.asyncapi import asyncapi_text  # noqa: PLC0415 - brings the whole server along

    ASYNCAPI.write_text(asyncapi_text())
    sys.stdout.write(f"Written: {ASYNCAPI.relative_to(ROOT)}\n")


def settings() -> None:
    """Write docs/settings.md and the table of settings in README.md."""
    for path in write_settings(ROOT):
        sys.stdout.write(f"Written: {path.relative_to(ROOT)}\n")


def console() -> None:
    """Build the pages that the server shows (GraphiQL)."""
    from app.console_build import build_console  # noqa: PLC0415 - POSIX only

    build_console(ROOT, report=_report)


def _report(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def build_pages() -> None:
    """Build them quietly, if they are not there as they should be."""
    from app.console_build import build_console  # noqa: PLC0415 - POSIX only

    try:
        build_console(ROOT, report=log.debug)
    except DomainError as error:
        log.warning("pages could not be built", reason=error.message)


def check() -> None:
    """Look over the code: format, lint, types, import contracts, shape."""
    failed = [name for name, command in CHECKS.items() if not _passes(name, command)]
    if failed:
        sys.stderr.write(f"Not in order: {', '.join(failed)}\n")
        raise typer.Exit(1)


def _passes(name: str, command: list[str]) -> bool:
    sys.stderr.write(f"── {name}\n")
    program = Path(sys.executable).parent / command[0]
    return subprocess.run([program, *command[1:]], cwd=ROOT, check=False).returncode == 0  # noqa: S603 - ours


def test(context: typer.Context) -> None:
    """Run every test; what follows goes to pytest."""
    # No more than there are cores, as some tests look at the clock; whoever has nothing left to do takes from others.
    at_once = ["-n", str(os.cpu_count() or 2), "--dist", "worksteal"]
    workers = [] if any(argument.startswith("-n") for argument in context.args) else at_once
    os.chdir(ROOT)
    python = sys.executable
    os.execv(python, [python, "-m", "pytest", *workers, *context.args])  # noqa: S606 - pytest takes over
