"""Credits."""

from datetime import datetime
from decimal import Decimal

import strawberry

from domain import accounts as domain_accounts
from domain.ids import Id
from resolvers import accounts
from schema.fields import of, said


@of(accounts.CreditBalance)
class CreditBalance:
    """What an organization has to spend."""

    available: Decimal = said("What can be spent, in credits.")
    held: Decimal = said("What is set aside for runs under way.")
    spent30d: Decimal = strawberry.field(
        resolver=accounts.spent_of, name="spent30d", description="What was spent in the last 30 days."
    )
    plan: str = said("The plan it is on.")
    monthly_quota: Decimal | None = said("What may be spent in a calendar month (UTC); null: no bound.")


def _no_generation(root: domain_accounts.LedgerEntry) -> Id | None:
    return None


@of(domain_accounts.LedgerEntry)
class LedgerEntry:
    """A change of the credits that are available. Entries are never altered."""

    id: Id = said("Its id.")
    kind: str = said("GRANT: given. HOLD: set aside for a run. CHARGE: spent by a step. RELEASE: no longer set aside.")
    amount: Decimal = said("By how much; negative where there is less after it.")
    balance_after: Decimal = said("What was available after it.")
    run_id: Id | None = said("The run it was for.")
    step_id: Id | None = said("The step it was for.")
    generation_id: Id | None = said("The generation it was for.", _no_generation)
    note: str | None = said("What was noted with it.")
    at: datetime = said("When.")
