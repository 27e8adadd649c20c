"""The chart of accounts: every account that a posting can name, and what it is for. Pure."""

from typing import NamedTuple

CUSTOMER_CREDITS = "liabilities:credits"
USAGE_REVENUE = "revenue:usage"
EXPIRED_REVENUE = "revenue:expired"
STRIPE = "assets:stripe"
PAYMENTS = "assets:payments"
PROMOTION = "expenses:promotion"
ADJUSTMENTS = "expenses:adjustments"
DISPUTES = "expenses:disputes"
OPENING = "equity:opening"


class ChartLine(NamedTuple):
    """An account, or where it ends in a colon, all accounts below it."""

    account: str
    purpose: str


CHART = (
    ChartLine(f"{CUSTOMER_CREDITS}:", "what is owed to a customer, by account id, in credits"),
    ChartLine(f"{USAGE_REVENUE}:", "earned by calls, by model"),
    ChartLine(EXPIRED_REVENUE, "earned by purchased credits that expired unused"),
    ChartLine(STRIPE, "paid by customers through Stripe, less what was paid back"),
    ChartLine(PAYMENTS, "paid by customers otherwise, less what was paid back"),
    ChartLine(PROMOTION, "given away as grants and bonuses, less what expired or was taken back"),
    ChartLine(ADJUSTMENTS, "corrections that belong to no other account"),
    ChartLine(DISPUTES, "taken by banks in disputes, less what came back"),
    ChartLine(OPENING, "what exports of a part of time begin with; no entry names it"),
)


def credits_of(account_id: str) -> str:
    """The account of what is owed to a customer."""
    return f"{CUSTOMER_CREDITS}:{account_id}"


def usage_revenue(model: str) -> str:
    """The account of what a model's calls have earned."""
    return f"{USAGE_REVENUE}:{model}"
