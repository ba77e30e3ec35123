"""Credits: what an organization has, what is held for runs under way, and every entry that led there."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

from domain.errors import DomainError, ErrorCode
from domain.ids import Id, new_id
from domain.money import require_credits
from domain.permissions import Actor
from domain.plain import decimal_string
from domain.ports import Command, Transaction
from domain.runs import Run
from domain.steps import Step
from domain.text import NAME_LENGTH, require_length

_NOTHING = Decimal(0)


class EntryKind(StrEnum):
    """GRANT: given. HOLD: set aside for a run. CHARGE: spent by a step. RELEASE: no longer set aside."""

    GRANT = "GRANT"
    HOLD = "HOLD"
    CHARGE = "CHARGE"
    RELEASE = "RELEASE"


@dataclass(slots=True, kw_only=True)
class Account:
    """
    An organization's credits; its id is the organization's.

    `available` is the sum of all its entries' amounts, `held` what is set aside for runs. A `monthly_quota` bounds what
    may be spent in a calendar month (UTC), of which `spent_in_month` is gone.
    """

    id: Id
    organization_id: Id
    available: Decimal = _NOTHING
    held: Decimal = _NOTHING
    plan: str = "default"
    monthly_quota: Decimal | None = None
    month: str = ""
    spent_in_month: Decimal = _NOTHING
    version: int = 1

    def spent(self, month: str) -> Decimal:
        return self.spent_in_month if self.month == month else _NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """A change of what is available: never altered, never removed. `key` names what caused it, so that it is one."""

    id: Id = field(default_factory=new_id)
    organization_id: Id
    project_id: Id | None = None
    kind: EntryKind
    amount: Decimal
    balance_after: Decimal
    key: str
    run_id: Id | None = None
    step_id: Id | None = None
    note: str | None = None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(kw_only=True)
class GrantCredits(Command[Account]):
    """Give the organization credits, and where it is named, a plan with what it may spend in a month."""

    amount: Decimal
    note: str | None = None
    plan: str | None = None
    monthly_quota: Decimal | None = None

    def __post_init__(self) -> None:
        require_credits(self.amount, "amount")
        if self.monthly_quota is not None:
            require_credits(self.monthly_quota, "monthlyQuota")
        for name, text in (("note", self.note), ("plan", self.plan)):
            if text is not None:
                require_length(text, name, longest=NAME_LENGTH)


async def grant_credits(tx: Transaction, actor: Actor, command: GrantCredits) -> Account:
    account = await account_of(tx, actor.organization_id)
    account.plan = command.plan or account.plan
    account.monthly_quota = account.monthly_quota if command.monthly_quota is None else command.monthly_quota
    entry = _entry(account, EntryKind.GRANT, command.amount, f"grant:{new_id()}", note=command.note)
    _keep(tx, account, entry)
    return account


async def account_of(tx: Transaction, organization_id: Id) -> Account:
    """The organization's account, until the transaction ends nobody else's to change."""
    return await tx.get(Account, organization_id, lock=True)


async def hold(tx: Transaction, run: Run, amount: Decimal, key: str) -> None:
    """Set credits aside for a run, before anything of it is paid for. Free work needs no account."""
    if not amount:
        return
    account = await account_of(tx, run.organization_id)
    _require_quota(account, amount)
    if account.available < amount:
        raise DomainError(
            ErrorCode.INSUFFICIENT_CREDITS,
            f"This may cost {decimal_string(amount)} credits, and {decimal_string(account.available)} are available",
            required=decimal_string(amount),
            available=decimal_string(account.available),
        )
    account.held += amount
    run.held += amount
    _keep(tx, account, _entry(account, EntryKind.HOLD, -amount, key, run=run))


def _require_quota(account: Account, amount: Decimal) -> None:
    spent = account.spent(_month()) + account.held
    if account.monthly_quota is not None and spent + amount > account.monthly_quota:
        quota = decimal_string(account.monthly_quota)
        message = f"The plan '{account.plan}' allows {quota} credits a month, of which {decimal_string(spent)} are used"
        raise DomainError(ErrorCode.QUOTA_EXCEEDED, message)


async def charge(tx: Transaction, run: Run, step: Step, cost: Decimal) -> None:
    """What a step did cost: taken from what was held for its run, and beyond that from what is available."""
    if not cost:
        return
    account = await account_of(tx, run.organization_id)
    held = min(run.held, cost)
    beyond = min(cost - held, account.available)
    run.held -= held
    account.held -= held
    month = _month()
    account.month, account.spent_in_month = month, account.spent(month) + held + beyond
    cause = f"{step.id}:{step.epoch}"
    released = _entry(account, EntryKind.RELEASE, held, f"release:{cause}", run=run, step=step)
    charged = _entry(account, EntryKind.CHARGE, -(held + beyond), f"charge:{cause}", run=run, step=step)
    _keep(tx, account, released, charged)


async def release(tx: Transaction, run: Run) -> None:
    """The run is over: what was held for it and not spent is available again."""
    if not run.held:
        return
    account = await account_of(tx, run.organization_id)
    account.held -= run.held
    entry = _entry(account, EntryKind.RELEASE, run.held, f"release:{run.id}", run=run)
    run.held = _NOTHING
    _keep(tx, account, entry)


def _month() -> str:
    return f"{datetime.now(UTC):%Y-%m}"


def _entry(
    account: Account,
    kind: EntryKind,
    amount: Decimal,
    key: str,
    *,
    run: Run | None = None,
    step: Step | None = None,
    note: str | None = None,
) -> LedgerEntry:
    """The change of what is available, made and written down."""
    account.available += amount
    return LedgerEntry(
        organization_id=account.organization_id,
        project_id=run.project_id if run else None,
        kind=kind,
        amount=amount,
        balance_after=account.available,
        key=key,
        run_id=run.id if run else None,
        step_id=step.id if step else None,
        note=note,
    )


def _keep(tx: Transaction, account: Account, *entries: LedgerEntry) -> None:
    account.version += 1
    tx.save(account)
    tx.add(*entries)
