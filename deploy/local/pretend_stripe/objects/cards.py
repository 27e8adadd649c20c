"""The cards that there are: each, by its last four digits, always does the same."""

from dataclasses import dataclass

from deploy.local.pretend_stripe.store import Json
from deploy.local.pretend_stripe.world import new_id

SUCCEEDS = "succeeds"
AUTHENTICATION_REQUIRED = "authentication_required"


@dataclass(frozen=True)
class Card:
    """What it does: SUCCEEDS, or the code and decline code of its refusal."""

    last4: str
    brand: str = "visa"
    code: str = SUCCEEDS
    decline_code: str | None = None
    message: str = ""


_DECLINED = "Your card was declined."
GOOD = Card("4242")
DECLINED = Card("0002", code="card_declined", decline_code="generic_decline", message=_DECLINED)
NEEDS_AUTHENTICATION = Card(
    "3184",
    code=AUTHENTICATION_REQUIRED,
    decline_code=AUTHENTICATION_REQUIRED,
    message="Your card was declined. This transaction requires authentication.",
)
CARDS = {
    "pm_card_visa": GOOD,
    "pm_card_mastercard": Card("4444", brand="mastercard"),
    "pm_card_chargeDeclined": DECLINED,
    "pm_card_visa_chargeDeclined": DECLINED,
    "pm_card_chargeCustomerFail": Card(
        "0341", code="card_declined", decline_code="generic_decline", message=_DECLINED
    ),
    "pm_card_chargeDeclinedInsufficientFunds": Card(
        "9995",
        code="card_declined",
        decline_code="insufficient_funds",
        message="Your card has insufficient funds.",
    ),
    "pm_card_chargeDeclinedExpiredCard": Card(
        "0069", code="expired_card", message="Your card has expired."
    ),
    "pm_card_authenticationRequired": NEEDS_AUTHENTICATION,
}
_BY_LAST4 = {card.last4: card for card in CARDS.values()}
_CHECKS = {
    "address_line1_check": None,
    "address_postal_code_check": None,
    "cvc_check": "pass",
}
_OF_THE_ACCOUNT = ("bank_code", "branch_code", "country", "fingerprint", "last4")
_OF_THE_CARD = (
    "brand",
    "checks",
    "country",
    "exp_month",
    "exp_year",
    "fingerprint",
    "funding",
    "last4",
    "regulated_status",
    "wallet",
)
EXPIRY = {"exp_month": 12, "exp_year": 2034}


def card_of(method: Json) -> Card:
    """The card that a payment method is; a bank's account always pays."""
    return _BY_LAST4[method["card"]["last4"]] if method["type"] == "card" else GOOD


def payment_method(card: Card, *, customer: str | None, email: str | None, now: int) -> Json:
    """A PaymentMethod of a card."""
    details = {
        "brand": card.brand,
        "checks": dict(_CHECKS),
        "country": "US",
        "display_brand": card.brand,
        **EXPIRY,
        "fingerprint": f"pretend{card.last4}",
        "funding": "credit",
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
    return _method("card", details, customer=customer, email=email, now=now)


def bank_account(*, customer: str | None, email: str | None, now: int) -> Json:
    """A PaymentMethod that takes its time: a SEPA debit."""
    details = {
        "bank_code": "37040044",
        "branch_code": "",
        "country": "DE",
        "fingerprint": "pretend3000",
        "generated_from": {"charge": None, "setup_attempt": None},
        "last4": "3000",
    }
    return _method("sepa_debit", details, customer=customer, email=email, now=now)


def charge_details(method: Json) -> Json:
    """The `payment_method_details` of a charge."""
    kind = method["type"]
    if kind != "card":
        details = {name: method[kind][name] for name in _OF_THE_ACCOUNT}
        return {kind: {**details, "expected_debit_date": None, "mandate": None}, "type": kind}
    card = method["card"]
    details = {name: card[name] for name in _OF_THE_CARD}
    details |= {
        "amount_authorized": None,
        "authorization_code": None,
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card["brand"],
        "network_token": {"used": False},
        "network_transaction_id": "104102978678771",
        "overcapture": {"maximum_amount_capturable": 0, "status": "unavailable"},
        "three_d_secure": None,
    }
    return {"card": details, "type": "card"}


def billing_details(email: str | None) -> Json:
    """Whom a payment method belongs to, as far as we know."""
    nowhere = ("city", "country", "line1", "line2", "postal_code", "state")
    address = dict.fromkeys(nowhere)
    return {"address": address, "email": email, "name": None, "phone": None, "tax_id": None}


def _method(kind: str, details: Json, *, customer: str | None, email: str | None, now: int) -> Json:
    return {
        "id": new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": billing_details(email),
        kind: details,
        "created": now,
        "customer": customer,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": kind,
    }
