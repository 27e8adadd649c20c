"""Checkout Sessions and their line items, complete."""

from deploy.local.pretend_stripe.store import Json
from deploy.local.pretend_stripe.world import new_id

_NULLS = (
    "adaptive_pricing",
    "after_expiration",
    "allow_promotion_codes",
    "allowed_payment_method_types",
    "amount_subtotal",
    "amount_total",
    "billing_address_collection",
    "branding_settings",
    "cancel_url",
    "client_reference_id",
    "client_secret",
    "collected_information",
    "consent",
    "consent_collection",
    "currency",
    "currency_conversion",
    "customer",
    "customer_account",
    "customer_creation",
    "customer_details",
    "customer_email",
    "discounts",
    "excluded_payment_method_types",
    "integration_identifier",
    "invoice",
    "invoice_creation",
    "locale",
    "managed_payments",
    "name_collection",
    "optional_items",
    "origin_context",
    "payment_intent",
    "payment_link",
    "payment_method_collection",
    "payment_method_configuration_details",
    "permissions",
    "phone_number_collection",
    "presentment_details",
    "recovered_from",
    "redirect_on_completion",
    "return_url",
    "saved_payment_method_options",
    "setup_intent",
    "shipping_address_collection",
    "shipping_cost",
    "submit_type",
    "subscription",
    "success_url",
    "tax_id_collection",
    "total_details",
    "wallet_options",
)
_SAID = (
    "allowed_payment_method_types",
    "allow_promotion_codes",
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "customer",
    "customer_email",
    "locale",
    "metadata",
    "submit_type",
    "success_url",
)
_TEXTS = ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
_LIFE_S = 24 * 3600


def checkout_session(params: Json, *, types: list[str], base_url: str, now: int) -> Json:
    """An open session, as a request describes it; amounts are another function's."""
    identifier = new_id("cs_test")
    tax = params.get("automatic_tax", {"enabled": False})["enabled"]
    return {
        "id": identifier,
        "object": "checkout.session",
        **dict.fromkeys(_NULLS),
        "adaptive_pricing": {"enabled": False, **params.get("adaptive_pricing", {})},
        "automatic_tax": {
            "enabled": tax,
            "liability": {"type": "self"} if tax else None,
            "provider": "stripe" if tax else None,
            "status": "complete" if tax else None,
        },
        "created": now,
        "custom_fields": [],
        "custom_text": {**dict.fromkeys(_TEXTS), **params.get("custom_text", {})},
        "expires_at": params.get("expires_at", now + _LIFE_S),
        "livemode": False,
        "metadata": {},
        "mode": params["mode"],
        "payment_method_options": {
            kind: {"request_three_d_secure": "automatic", **said}
            for kind, said in _options(types, params).items()
        },
        "payment_method_types": types,
        "phone_number_collection": params.get("phone_number_collection", {"enabled": False}),
        "saved_payment_method_options": _saving(params),
        "shipping_options": [],
        "status": "open",
        "ui_mode": "hosted_page",
        "url": f"{base_url}/c/pay/{identifier}",
        **{name: params[name] for name in _SAID if name in params},
        **_of_the_mode(params),
    }


def line_item(params: Json, *, unit_amount: int, now: int) -> Json:
    """One line, of `unit_amount` cents each, and the price and product made for it."""
    given = params["price_data"]
    quantity = params.get("quantity", 1)
    price = {
        "id": new_id("price"),
        "object": "price",
        "active": False,
        "billing_scheme": "per_unit",
        "created": now,
        "currency": given["currency"],
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": new_id("prod"),
        "recurring": None,
        "tax_behavior": given.get("tax_behavior", "unspecified"),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": unit_amount,
        "unit_amount_decimal": str(unit_amount),
    }
    return {
        "id": new_id("li"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": unit_amount * quantity,
        "amount_tax": 0,
        "amount_total": unit_amount * quantity,
        "currency": given["currency"],
        "description": given["product_data"]["name"],
        "metadata": params.get("metadata", {}),
        "price": price,
        "quantity": quantity,
    }


def total_details(*, discount: int, tax: int) -> Json:
    """How a total differs from its subtotal."""
    return {"amount_discount": discount, "amount_shipping": 0, "amount_tax": tax}


def customer_details(email: str) -> Json:
    """What the hosted page has asked of its visitor."""
    nothing = ("business_name", "individual_name", "name", "phone")
    address = dict.fromkeys(("city", "line1", "line2", "postal_code", "state"))
    return {
        **dict.fromkeys(nothing),
        "address": {"country": "US", **address},
        "email": email,
        "tax_exempt": "none",
        "tax_ids": [],
    }


def _options(types: list[str], params: Json) -> Json:
    return (
        {"card": params.get("payment_method_options", {}).get("card", {})}
        if "card" in types
        else {}
    )


def _saving(params: Json) -> Json | None:
    if not params.get("customer") or params["mode"] != "payment":
        return None
    said = params.get("saved_payment_method_options", {})
    return {
        "allow_redisplay_filters": ["always"],
        "payment_method_remove": "disabled",
        "payment_method_save": said.get("payment_method_save"),
    }


def _of_the_mode(params: Json) -> Json:
    if params["mode"] == "setup":
        return {
            "currency": params.get("currency"),
            "customer_creation": None if params.get("customer") else "always",
            "payment_method_collection": "always",
            "payment_status": "no_payment_required",
        }
    given_invoice = params.get("invoice_creation", {"enabled": False})
    creation = None if params.get("customer") else params.get("customer_creation", "if_required")
    empty_invoice = dict.fromkeys(
        ("account_tax_ids", "custom_fields", "description", "footer", "issuer")
    )
    tax_ids = params.get("tax_id_collection")
    return {
        "customer_creation": creation,
        "invoice_creation": {
            "enabled": given_invoice["enabled"],
            "invoice_data": {**empty_invoice, "metadata": {}, "rendering_options": None},
        },
        "payment_method_collection": "if_required",
        "payment_status": "unpaid",
        "tax_id_collection": tax_ids and {**tax_ids, "required": "never"},
    }
