"""PaymentIntents, complete."""

from deploy.local.pretend_stripe.store import Json
from deploy.local.pretend_stripe.world import new_id

_NULLS = (
    "allowed_payment_method_types",
    "application",
    "application_fee_amount",
    "automatic_payment_methods",
    "canceled_at",
    "cancellation_reason",
    "customer",
    "customer_account",
    "description",
    "excluded_payment_method_types",
    "last_payment_error",
    "latest_charge",
    "next_action",
    "on_behalf_of",
    "payment_method",
    "payment_method_configuration_details",
    "processing",
    "receipt_email",
    "review",
    "setup_future_usage",
    "shipping",
    "source",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_data",
    "transfer_group",
)
# What a request may say of an intent, and is kept as it is.
SAID = (
    "allowed_payment_method_types",
    "automatic_payment_methods",
    "customer",
    "description",
    "receipt_email",
    "setup_future_usage",
    "statement_descriptor",
    "statement_descriptor_suffix",
)
_CARD_OPTIONS = {
    "installments": None,
    "mandate_options": None,
    "network": None,
    "request_three_d_secure": "automatic",
}


def payment_intent(params: Json, *, amount: int, types: list[str], now: int) -> Json:
    """A PaymentIntent of `amount` US cents that nothing was tried with yet."""
    identifier = new_id("pi")
    return {
        "id": identifier,
        "object": "payment_intent",
        **dict.fromkeys(_NULLS),
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "capture_method": params.get("capture_method", "automatic_async"),
        "client_secret": f"{new_id(f'{identifier}_secret')}",
        "confirmation_method": "automatic",
        "created": now,
        "currency": params["currency"],
        "livemode": False,
        "metadata": params.get("metadata", {}),
        "payment_method_options": options(types, params.get("payment_method_options", {})),
        "payment_method_types": types,
        "status": "requires_payment_method",
        **{name: params[name] for name in SAID if name in params},
    }


def options(types: list[str], said: Json) -> Json:
    """The options of each type of payment method."""
    cards = {"card": {**_CARD_OPTIONS, **said.get("card", {})}} if "card" in types else {}
    return {**cards, **{kind: {} for kind in types if kind != "card"}}
