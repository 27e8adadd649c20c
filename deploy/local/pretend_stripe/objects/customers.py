"""Customers and SetupIntents, complete."""

from deploy.local.pretend_stripe.store import Json
from deploy.local.pretend_stripe.world import new_id

_CARD_OPTIONS = {
    "mandate_options": None,
    "network": None,
    "request_three_d_secure": "automatic",
}
_SETUP_NULLS = (
    "allowed_payment_method_types",
    "application",
    "automatic_payment_methods",
    "cancellation_reason",
    "customer",
    "customer_account",
    "description",
    "excluded_payment_method_types",
    "flow_directions",
    "last_setup_error",
    "latest_attempt",
    "mandate",
    "next_action",
    "on_behalf_of",
    "payment_method",
    "payment_method_configuration_details",
    "single_use_mandate",
)


def customer(params: Json, now: int) -> Json:
    """A customer, as a request describes it."""
    return {
        "id": new_id("cus"),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": now,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": params.get("description"),
        "discount": None,
        "email": params.get("email"),
        "invoice_prefix": "PRETEND",
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": params.get("metadata", {}),
        "name": params.get("name"),
        "next_invoice_sequence": 1,
        "phone": params.get("phone"),
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def setup_intent(params: Json, *, customer_id: str | None, types: list[str], now: int) -> Json:
    """A SetupIntent for payments without the customer, as a session's `setup_intent_data` says."""
    identifier = new_id("seti")
    return {
        "id": identifier,
        "object": "setup_intent",
        **dict.fromkeys(_SETUP_NULLS),
        "client_secret": f"{new_id(f'{identifier}_secret')}",
        "created": now,
        "customer": customer_id,
        "description": params.get("description"),
        "livemode": False,
        "metadata": params.get("metadata", {}),
        "payment_method_options": {"card": dict(_CARD_OPTIONS)} if "card" in types else {},
        "payment_method_types": types,
        "status": "requires_payment_method",
        "usage": "off_session",
    }
