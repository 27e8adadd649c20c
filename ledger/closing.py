"""The arithmetic of closing a month: what moved, is owed, was earned, and does it tie. Pure.

All amounts are millicredits. Movements have the sign of what they do to balances.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ledger.chart import USAGE_REVENUE
from ledger.months import Month

REVENUE = "revenue:"


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """The sum of the month's entries of one type against one counter account.

    `is_metered`: they stand for usage rows; corrections that people post do not.
    """

    entry_type: str
    counter_account: str
    is_metered: bool
    amount_mc: int
    entries: int


class AccountMonth(msgspec.Struct, frozen=True, kw_only=True):
    """One account's month, each amount from another source.

    `opening_mc` and `closing_mc` are the balances that its last entries before the month and before
    its end left, `moved_mc` the sum of its entries between, and `balance_mc` what the account's own
    balance was at the end: the balance of now less the sum of the entries since.
    """

    account_id: str
    opening_mc: int
    moved_mc: int
    closing_mc: int
    balance_mc: int


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that must be equal; `about` is an account id or a model, or empty for all."""

    name: str
    about: str
    expected_mc: int
    actual_mc: int

    @property
    def ties(self) -> bool:
        """Whether it is equal."""
        return self.expected_mc == self.actual_mc


class Total(msgspec.Struct, frozen=True):
    """A sum, and of how many entries."""

    amount_mc: int = 0
    entries: int = 0


class Close(msgspec.Struct, frozen=True, kw_only=True):
    """A month's books; `accounts` is how many had credits or moved any.

    `totals` has the movements by type but usage, which is in `usage` by model. `revenue` is what
    was earned by revenue account, less what was corrected. `owed_by_customers_mc` is what accounts
    below zero owe, as a positive amount; it is not taken off `owed_to_customers_mc`.
    """

    month: Month
    account_id: str | None
    is_over: bool
    accounts: int
    opening_mc: int
    totals: Mapping[str, Total]
    usage: Mapping[str, Total]
    closing_mc: int
    owed_to_customers_mc: int
    owed_by_customers_mc: int
    revenue_mc: Mapping[str, int]
    checks: Sequence[Check]

    @property
    def earned_mc(self) -> int:
        """All revenue of the month."""
        return sum(self.revenue_mc.values())

    @property
    def ties(self) -> bool:
        """Whether every check holds."""
        return all(check.ties for check in self.checks)


def close_month(
    month: Month,
    accounts: Sequence[AccountMonth],
    movements: Sequence[Movement],
    posted_by_model_mc: Mapping[str, int],
    *,
    account_id: str | None = None,
    is_over: bool = True,
) -> Close:
    """The books of a month. `posted_by_model_mc` is what its usage rows say that they moved."""
    usage = [one for one in movements if one.entry_type == "usage"]
    others = [one for one in movements if one.entry_type != "usage"]
    opening_mc = sum(account.opening_mc for account in accounts)
    closing_mc = sum(account.closing_mc for account in accounts)
    moved_mc = sum(one.amount_mc for one in movements)
    total = Check(
        name="opening and movements make closing",
        about="",
        expected_mc=opening_mc + moved_mc,
        actual_mc=closing_mc,
    )
    return Close(
        month=month,
        account_id=account_id,
        is_over=is_over,
        accounts=sum(_was_used(account) for account in accounts),
        opening_mc=opening_mc,
        totals=_totals((one.entry_type, one) for one in others),
        usage=_totals((model_of(one.counter_account), one) for one in usage),
        closing_mc=closing_mc,
        owed_to_customers_mc=sum(max(account.closing_mc, 0) for account in accounts),
        owed_by_customers_mc=sum(max(-account.closing_mc, 0) for account in accounts),
        revenue_mc=_revenue_mc(movements),
        checks=[total, *_account_checks(accounts), *_usage_checks(movements, posted_by_model_mc)],
    )


def _was_used(account: AccountMonth) -> bool:
    return any((account.opening_mc, account.moved_mc, account.closing_mc))


def model_of(counter_account: str) -> str:
    """The model of a revenue account; any other account by its own name."""
    return counter_account.removeprefix(f"{USAGE_REVENUE}:")


def _totals(movements: Iterable[tuple[str, Movement]]) -> dict[str, Total]:
    totals: dict[str, Total] = {}
    for name, one in movements:
        before = totals.get(name, Total())
        totals[name] = Total(before.amount_mc + one.amount_mc, before.entries + one.entries)
    return dict(sorted(totals.items()))


def _revenue_mc(movements: Sequence[Movement]) -> dict[str, int]:
    """What customers have no more, we have earned."""
    earned_mc: dict[str, int] = {}
    for one in movements:
        if one.counter_account.startswith(REVENUE):
            account = one.counter_account
            earned_mc[account] = earned_mc.get(account, 0) - one.amount_mc
    return dict(sorted(earned_mc.items()))


def _account_checks(accounts: Sequence[AccountMonth]) -> list[Check]:
    """A check for all balances; where one is off, a check that names each account."""
    named = [
        check
        for account in accounts
        for check in (
            Check(
                name="the account's movements make its closing balance",
                about=account.account_id,
                expected_mc=account.opening_mc + account.moved_mc,
                actual_mc=account.closing_mc,
            ),
            Check(
                name="the account's balance is what its entries leave",
                about=account.account_id,
                expected_mc=account.closing_mc,
                actual_mc=account.balance_mc,
            ),
        )
    ]
    total = Check(
        name="closing is the sum of balances",
        about="",
        expected_mc=sum(account.closing_mc for account in accounts),
        actual_mc=sum(account.balance_mc for account in accounts),
    )
    return [total, *(check for check in named if not check.ties)]


def _usage_checks(
    movements: Sequence[Movement], posted_by_model_mc: Mapping[str, int]
) -> list[Check]:
    """What usage rows moved is what entries took, model by model."""
    taken_mc: dict[str, int] = {}
    for one in movements:
        if one.is_metered:
            model = model_of(one.counter_account)
            taken_mc[model] = taken_mc.get(model, 0) - one.amount_mc
    return [
        Check(
            name="usage entries are what usage rows posted",
            about=model,
            expected_mc=posted_by_model_mc.get(model, 0),
            actual_mc=taken_mc.get(model, 0),
        )
        for model in sorted({*taken_mc, *posted_by_model_mc})
    ]
