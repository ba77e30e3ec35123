"""`easel key`, `easel token`."""

import json
import sys
from datetime import timedelta
from typing import Annotated

import typer

from app.cli.database import database, run
from app.logs import configure_logs
from app.notes import running_server
from app.parts import Parts, open_parts
from app.seed import ORGANIZATION, PROJECT, DevelopmentKey, development_key, ensure_tenant
from app.settings import Settings, read_settings
from domain.permissions import Role
from gateway.tokens import write_token

PANEL = "Let in"
Organization = Annotated[str, typer.Option(help="Slug of the organization; made if missing.")]
Project = Annotated[str, typer.Option(help="Slug of its project; made if missing.")]


def register(application: typer.Typer) -> None:
    application.command(rich_help_panel=PANEL)(key)
    application.command(rich_help_panel=PANEL)(token)


def key(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
    organization: Organization = ORGANIZATION,
    project: Project = PROJECT,
    announce: Annotated[
        bool, typer.Option("--announce", help="Let it speak to everybody on this server, as that of acme may.")
    ] = False,
) -> None:
    """Print an API key for development. Send it as [bold]X-API-Key[/bold]."""
    settings = read_settings()
    configure_logs(settings.log_format)
    with database(settings) as url:
        found = run(_key(settings, url, organization, project, announces=announce))
    if as_json:
        sys.stdout.write(json.dumps(found.as_dict()) + "\n")
        return
    for name, value in found.as_dict().items():
        sys.stdout.write(f"{name:17} {value}\n")


async def _key(
    settings: Settings, database_url: str, organization: str, project: str, *, announces: bool
) -> DevelopmentKey:
    async with open_parts(settings, database_url, settings.url()) as parts:
        url = running_server(settings) or settings.url()
        return await development_key(parts, organization, project, url, announces=announces)


def token(
    subject: Annotated[str, typer.Option(help="Whom the token speaks for.")],
    role: Annotated[Role, typer.Option(help="What they may do in the whole organization.")] = Role.EDITOR,
    organization: Organization = ORGANIZATION,
    project: Project = PROJECT,
    hours: Annotated[float, typer.Option(min=0.01, max=8760, help="How long it is valid.")] = 12,
    *,
    no_role: Annotated[bool, typer.Option("--no-role", help="Let the teams of projects say what they may do.")] = False,
) -> None:
    """Print a token of a person. Send it as [bold]Authorization: Bearer[/bold]."""
    settings = read_settings()
    configure_logs(settings.log_format)
    with database(settings) as url:
        granted = None if no_role else role
        sys.stdout.write(run(_token(settings, url, subject, granted, organization, project, hours)) + "\n")


async def _token(
    settings: Settings,
    database_url: str,
    subject: str,
    role: Role | None,
    organization: str,
    project: str,
    hours: float,
) -> str:
    async with open_parts(settings, database_url, settings.url()) as parts:
        return await _written(parts, subject, role, organization, project, hours)


async def _written(parts: Parts, subject: str, role: Role | None, organization: str, project: str, hours: float) -> str:
    found = await ensure_tenant(parts, organization, project)
    return write_token(
        parts.secrets.token_key,
        subject=subject,
        role=role,
        organization_id=found.organization_id,
        project_id=found.id,
        valid=timedelta(hours=hours),
    )
