"""`easel credits`."""

import sys
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from app.cli.database import database, run
from app.logs import configure_logs
from app.parts import open_parts
from app.seed import ORGANIZATION
from app.settings import Settings, read_settings
from domain.accounts import Account, GrantCredits
from domain.commands import execute
from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.permissions import operator_actor
from domain.plain import decimal_string


def register(application: typer.Typer) -> None:
    application.command("credits", rich_help_panel="Let in")(organization_credits)


def organization_credits(
    organization: Annotated[str, typer.Option(help="Slug of the organization.")] = ORGANIZATION,
    add: Annotated[str, typer.Option(help="Credits to give, as 100 or 0.5.")] = "0",
    plan: Annotated[str | None, typer.Option(help="Name of its plan from now on.")] = None,
    monthly_quota: Annotated[
        str | None, typer.Option(help="What it may spend in a calendar month (UTC) from now on, in credits.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="What the ledger says of it.")] = None,
) -> None:
    """Show what an organization has to spend; give it credits, a plan and a monthly quota."""
    settings = read_settings()
    configure_logs(settings.log_format)
    quota = None if monthly_quota is None else _amount(monthly_quota, "--monthly-quota")
    grant = GrantCredits(amount=_amount(add, "--add"), note=note, plan=plan, monthly_quota=quota)
    changes = bool(grant.amount or plan or quota is not None)
    with database(settings) as url:
        account = run(_account(settings, url, organization, grant if changes else None))
    for name, value in _told(account).items():
        sys.stdout.write(f"{name:14} {value}\n")


async def _account(settings: Settings, database_url: str, slug: str, grant: GrantCredits | None) -> Account:
    async with open_parts(settings, database_url, settings.url()) as parts:
        organization = await parts.credentials.organization(slug)
        if organization is None:
            raise DomainError(ErrorCode.ORG_NOT_FOUND, f"There is no organization '{slug}'")
        actor = operator_actor(organization.id)
        if grant is not None:
            return await execute(parts.database.begin, actor, grant)
        (account,) = await parts.studio.reads.many(Account, actor)
        return account


def _told(account: Account) -> dict[str, str]:
    quota = account.monthly_quota
    return {
        "available": decimal_string(account.available),
        "held": decimal_string(account.held),
        "plan": account.plan,
        "monthly quota": "none" if quota is None else decimal_string(quota),
    }


def _amount(text: str, option: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise InvalidInput(f"{option} is an amount of credits, as 100 or 0.5") from error
