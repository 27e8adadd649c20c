"""Shapes that several requests share."""

from deploy.local.pretend_stripe.shapes import Either, Group, ListOf, OneOf, Shape, Text, Whole

# What Stripe takes as an amount of US cents.
LEAST_AMOUNT_CENTS = 50
MOST_AMOUNT_CENTS = 99_999_999

CURRENCY = OneOf(("usd", "eur", "gbp"))
EXPAND = ListOf(Text(), most=20)
PAYMENT_METHOD_TYPES = ListOf(
    OneOf(("card", "link", "us_bank_account", "sepa_debit", "cashapp", "amazon_pay", "paypal"))
)
_MOMENT = Whole()


def listing(**filters: Shape) -> Group:
    """The parameters of a list, with filters of its own."""
    return Group(
        {
            "limit": Whole(1, 100),
            "starting_after": Text(),
            "ending_before": Text(),
            "created": Either(
                Group({"gt": _MOMENT, "gte": _MOMENT, "lt": _MOMENT, "lte": _MOMENT}), _MOMENT
            ),
            "expand": EXPAND,
            **filters,
        }
    )


def only_expand() -> Group:
    """The parameters of a request for one object."""
    return Group({"expand": EXPAND})
