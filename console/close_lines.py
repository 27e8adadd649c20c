"""A month's close as lines: what a table, a CSV file and the API's JSON say of it."""

from collections.abc import Iterator, Mapping
from itertools import chain

import msgspec

from console.json import Json, amount, timestamp, usd_number
from ledger.chart import EXPIRED_REVENUE, USAGE_REVENUE
from ledger.closing import Check, Close, Total, model_of

# In the order of a close; usage stands between, by model.
BEFORE_USAGE = {"purchase": "Purchases", "bonus": "Bonuses", "grant": "Grants"}
AFTER_USAGE = {
    "refund": "Refunds",
    "dispute": "Disputes",
    "adjustment": "Adjustments",
    "expiry": "Expiries",
}
_PLURALS = {**BEFORE_USAGE, **AFTER_USAGE}


class Line(msgspec.Struct, frozen=True):
    """One line; `detail` is a model, or empty. Without `entries` it is no sum of entries."""

    section: str
    name: str
    detail: str
    amount_mc: int
    entries: int | None = None


def close_lines(close: Close) -> list[Line]:
    """All of a close, from the opening balance to what was earned."""
    return [
        Line("balance", "Opening balance", "", close.opening_mc),
        *_movements(close),
        Line("balance", "Closing balance", "", close.closing_mc),
        Line("outstanding", "Owed to customers", "", close.owed_to_customers_mc),
        Line("outstanding", "Owed by customers", "", close.owed_by_customers_mc),
        *_revenue(close),
        Line("revenue", "Revenue earned", "", close.earned_mc),
    ]


def close_shape(close: Close, credits_per_usd: int) -> Json:
    """A close as JSON; `ties` says whether all checks hold."""

    def usd(amount_mc: int) -> msgspec.Raw:
        return usd_number(amount_mc, credits_per_usd)

    def total(one: Total) -> Json:
        return {
            **amount("amount", one.amount_mc),
            "usd": usd(one.amount_mc),
            "entries": one.entries,
        }

    return {
        "month": str(close.month),
        "from": timestamp(close.month.start),
        "to": timestamp(close.month.end),
        "isOver": close.is_over,
        "accountId": close.account_id,
        "accounts": close.accounts,
        **amount("openingBalance", close.opening_mc),
        **{
            name.lower(): total(close.totals.get(entry_type, Total()))
            for entry_type, name in _PLURALS.items()
        },
        "usage": [{"model": model, **total(one)} for model, one in close.usage.items()],
        **amount("closingBalance", close.closing_mc),
        "outstanding": {
            **amount("owedToCustomers", close.owed_to_customers_mc),
            "owedToCustomersUsd": usd(close.owed_to_customers_mc),
            **amount("owedByCustomers", close.owed_by_customers_mc),
            "owedByCustomersUsd": usd(close.owed_by_customers_mc),
        },
        "revenue": [
            {
                "account": account,
                "model": _model(account),
                **amount("earned", earned_mc),
                "usd": usd(earned_mc),
            }
            for account, earned_mc in close.revenue_mc.items()
        ],
        **amount("revenueEarned", close.earned_mc),
        "revenueEarnedUsd": usd(close.earned_mc),
        "ties": close.ties,
        "checks": [_check_shape(check) for check in close.checks],
    }


def _movements(close: Close) -> Iterator[Line]:
    def lines(names: Mapping[str, str]) -> Iterator[Line]:
        for entry_type, name in names.items():
            total = close.totals.get(entry_type, Total())
            yield Line("movements", name, "", total.amount_mc, total.entries)

    used = (
        Line("movements", "Usage", model, total.amount_mc, total.entries)
        for model, total in close.usage.items()
    )
    none = () if close.usage else (Line("movements", "Usage", "", 0, 0),)
    return chain(lines(BEFORE_USAGE), used, none, lines(AFTER_USAGE))


def _revenue(close: Close) -> Iterator[Line]:
    for account, earned_mc in close.revenue_mc.items():
        name = "Expired purchases" if account == EXPIRED_REVENUE else "Usage less corrections"
        yield Line("revenue", name, _model(account) or "", earned_mc)


def _model(account: str) -> str | None:
    return model_of(account) if account.startswith(f"{USAGE_REVENUE}:") else None


def _check_shape(check: Check) -> Json:
    return {
        "check": check.name,
        "about": check.about or None,
        **amount("expected", check.expected_mc),
        **amount("actual", check.actual_mc),
        "ties": check.ties,
    }
