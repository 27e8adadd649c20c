"""Small requests to Stripe that are good, to be changed by tests."""

from typing import Any

RETURN = "https://credits.example.com/return?session={CHECKOUT_SESSION_ID}"
CANCEL = "https://credits.example.com/cancelled"


def checkout(**fields: Any) -> Any:
    """A session in mode payment, for 9.99 dollars."""
    price = {"currency": "usd", "unit_amount": 999, "product_data": {"name": "Starter"}}
    return {
        "mode": "payment",
        "line_items": [{"quantity": 1, "price_data": price}],
        "success_url": RETURN,
        "cancel_url": CANCEL,
        "client_reference_id": "purchase-1",
        "metadata": {"purchase": "1"},
        "payment_intent_data": {"metadata": {"purchase": "1"}},
        **fields,
    }


def setup(**fields: Any) -> Any:
    """A session that saves a card."""
    return {"mode": "setup", "currency": "usd", "success_url": RETURN, **fields}


def off_session(customer: str, **fields: Any) -> Any:
    """A payment of 9.99 dollars without the customer."""
    return {
        "amount": 999,
        "currency": "usd",
        "customer": customer,
        "payment_method": "pm_card_visa",
        "allowed_payment_method_types": ["card"],
        "off_session": True,
        "confirm": True,
        "metadata": {"purchase": "1"},
        **fields,
    }
