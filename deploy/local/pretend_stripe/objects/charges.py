"""Charges, and the transactions of a balance that they make."""

from deploy.local.pretend_stripe.objects.cards import Card, charge_details
from deploy.local.pretend_stripe.store import Json, snapshot
from deploy.local.pretend_stripe.world import new_id

_NULLS = (
    "application",
    "application_fee",
    "application_fee_amount",
    "balance_transaction",
    "customer",
    "description",
    "failure_balance_transaction",
    "failure_code",
    "failure_message",
    "on_behalf_of",
    "receipt_email",
    "receipt_number",
    "receipt_url",
    "review",
    "shipping",
    "source",
    "source_transfer",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer",
    "transfer_data",
    "transfer_group",
)
_OF_THE_INTENT = (
    "currency",
    "customer",
    "description",
    "receipt_email",
    "statement_descriptor",
    "statement_descriptor_suffix",
)
# What Stripe keeps of a payment: 2.9 % and 30 cents.
_FEE_BASIS_POINTS = 290
_FEE_FIXED_CENTS = 30
_DISPUTE_FEE_CENTS = 1500


def charge(intent: Json, method: Json, *, status: str, now: int) -> Json:
    """A charge of the whole intent: `succeeded`, `pending` or `failed`."""
    is_paid = status == "succeeded"
    return {
        "id": new_id("ch"),
        "object": "charge",
        **dict.fromkeys(_NULLS),
        **{name: intent[name] for name in _OF_THE_INTENT},
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if is_paid else 0,
        "amount_refunded": 0,
        "billing_details": snapshot(method["billing_details"]),
        "calculated_statement_descriptor": "TOLLGATE PRETEND",
        "captured": is_paid,
        "created": now,
        "disputed": False,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "outcome": approval() if status != "failed" else None,
        "paid": status != "failed",
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": charge_details(method),
        "radar_options": {},
        "refunded": False,
        "status": status,
    }


def approval() -> Json:
    """The outcome of a charge that the card's network lets pass."""
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "approved_by_network",
        "reason": None,
        "risk_level": "normal",
        "risk_score": 11,
        "seller_message": "Payment complete.",
        "type": "authorized",
    }


def refusal(card: Card) -> Json:
    """The outcome of a charge that the card's bank refuses."""
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network",
        "reason": card.decline_code or card.code,
        "risk_level": "normal",
        "risk_score": 11,
        "seller_message": "The bank did not return any further details with this decline.",
        "type": "issuer_declined",
    }


def payment_transaction(of: Json, now: int) -> Json:
    """A paid charge comes in; Stripe keeps its fee."""
    fee = _FEE_FIXED_CENTS + (of["amount"] * _FEE_BASIS_POINTS + 5000) // 10_000
    return _transaction("charge", of, amount=of["amount"], fee=fee, now=now)


def refund_transaction(of: Json, *, amount: int, now: int) -> Json:
    """A refund goes out, or (with a positive amount) a failed one comes back."""
    kind = "refund" if amount < 0 else "refund_failure"
    return _transaction(kind, of, amount=amount, fee=0, now=now)


def dispute_transaction(of: Json, *, amount: int, now: int) -> Json:
    """A disputed amount is withdrawn, with a fee, or (positive) given back with it."""
    fee = _DISPUTE_FEE_CENTS if amount < 0 else -_DISPUTE_FEE_CENTS
    category = "dispute" if amount < 0 else "dispute_reversal"
    return _transaction("adjustment", of, amount=amount, fee=fee, now=now, category=category)


def _transaction(
    kind: str, of: Json, *, amount: int, fee: int, now: int, category: str | None = None
) -> Json:
    detail = {
        "amount": fee,
        "application": None,
        "currency": of["currency"],
        "description": "Stripe processing fees",
        "type": "stripe_fee",
    }
    return {
        "id": new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": now,
        "balance_type": "payments",
        "created": now,
        "currency": of["currency"],
        "description": of.get("description"),
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [detail] if fee else [],
        "net": amount - fee,
        "reporting_category": category or kind,
        "source": of["id"],
        "status": "available",
        "type": kind,
    }
