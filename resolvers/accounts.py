"""Credits: what an organization has, and what became of them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.accounts import Account, LedgerEntry
from domain.organizations import Organization
from resolvers.context import Info
from storage.pages import Page

SPENT_DAYS = 30


@dataclass(frozen=True, slots=True)
class CreditBalance:
    account: Account

    @property
    def available(self) -> Decimal:
        return self.account.available

    @property
    def held(self) -> Decimal:
        return self.account.held

    @property
    def plan(self) -> str:
        return self.account.plan

    @property
    def monthly_quota(self) -> Decimal | None:
        return self.account.monthly_quota


async def credits_of(root: Organization, info: Info) -> CreditBalance | None:
    account = await info.context.load(Account, root.id)
    return CreditBalance(account) if account else None


async def spent_of(root: CreditBalance, info: Info) -> Decimal:
    return await info.context.reads.spent(info.context.actor, datetime.now(UTC) - timedelta(days=SPENT_DAYS))


async def ledger(info: Info, first: int | None = 20, after: str | None = None) -> Page[LedgerEntry]:
    return await info.context.reads.page(LedgerEntry, info.context.actor, first=first, after=after)
