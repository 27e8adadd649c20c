"""What automatic recharge asks of Stripe, word for word. Pure."""

from datetime import datetime
from hashlib import sha256

import msgspec
from stripe.params import CustomerCreateParams, PaymentIntentCreateParams
from stripe.params.checkout import SessionCreateParams

from billing.stripe_objects import ACCOUNT_ID, CURRENCY, PURCHASE_ID


class Recharging(msgspec.Struct, frozen=True, kw_only=True):
    """One automatic recharge that is under way; `age_s` is since it was first asked for, by a key
    of the mode `was_live`. Another card may be saved since than the one that it is charged to.
    """

    purchase_id: str
    account_id: str
    customer_id: str
    payment_method_id: str
    label: str
    price_cents: int
    created_at: datetime
    attempts: int
    age_s: float
    payment_intent_id: str | None
    is_wanted: bool
    was_live: bool | None = None
    has_other_card: bool = False


def payment_params(recharging: Recharging) -> PaymentIntentCreateParams:
    """A payment without the person. The same each time, as its key wants: from stored values."""
    return {
        "amount": recharging.price_cents,
        "currency": CURRENCY,
        "customer": recharging.customer_id,
        "payment_method": recharging.payment_method_id,
        "allowed_payment_method_types": ["card"],
        "off_session": True,
        "confirm": True,
        "description": f"{recharging.label}: automatic recharge",
        "metadata": {PURCHASE_ID: recharging.purchase_id, ACCOUNT_ID: recharging.account_id},
    }


def customer_params(account_id: str, name: str, email: str | None) -> CustomerCreateParams:
    """Whom Stripe shall know an account as."""
    params: CustomerCreateParams = {"name": name, "metadata": {ACCOUNT_ID: account_id}}
    if email is not None:
        params["email"] = email
    return params


def customer_key(
    account_id: str, name: str, email: str | None, instead_of: str | None = None
) -> str:
    """The idempotency key of a customer: other words, and one `instead_of` another, have another.

    Stripe answers to a key that it knows even where that customer is gone since.
    """
    words = sha256(f"{name}\n{email}\n{instead_of or ''}".encode()).hexdigest()[:16]
    return f"tollgate-customer-{account_id}-{words}"


def setup_params(
    account_id: str, customer_id: str, *, success_url: str, cancel_url: str
) -> SessionCreateParams:
    """A visit to Stripe's page on which a customer saves a card."""
    metadata = {ACCOUNT_ID: account_id}
    return {
        "mode": "setup",
        "customer": customer_id,
        "allowed_payment_method_types": ["card"],
        "client_reference_id": account_id,
        "metadata": metadata,
        "setup_intent_data": {"metadata": metadata},
        "success_url": success_url,
        "cancel_url": cancel_url,
    }
