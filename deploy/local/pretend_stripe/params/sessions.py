"""Parameters of Checkout Sessions."""

from deploy.local.pretend_stripe.params.common import (
    CURRENCY,
    EXPAND,
    PAYMENT_METHOD_TYPES,
    listing,
    only_expand,
)
from deploy.local.pretend_stripe.shapes import (
    Decimal,
    Flag,
    Group,
    ListOf,
    Metadata,
    OneOf,
    Text,
    Url,
    Whole,
    group,
)

_USAGE = OneOf(("off_session", "on_session"))
_ENABLED = group("enabled", enabled=Flag())
_PRODUCT_DATA = group(
    "name",
    name=Text(),
    description=Text(),
    images=ListOf(Url(), most=8),
    metadata=Metadata(),
    tax_code=Text(),
    unit_label=Text(longest=12),
)
_PRICE_DATA = group(
    "currency",
    currency=CURRENCY,
    product_data=_PRODUCT_DATA,
    tax_behavior=OneOf(("exclusive", "inclusive", "unspecified")),
    unit_amount=Whole(),
    unit_amount_decimal=Decimal(),
)
_LINE_ITEM = group(
    price_data=_PRICE_DATA, price=Text(), quantity=Whole(1, 999_999), metadata=Metadata()
)
_PAYMENT_INTENT_DATA = group(
    capture_method=OneOf(("automatic", "automatic_async")),
    description=Text(longest=1000),
    metadata=Metadata(),
    receipt_email=Text(longest=800),
    setup_future_usage=_USAGE,
    statement_descriptor=Text(longest=22),
    statement_descriptor_suffix=Text(longest=22),
)
_CARD_OPTIONS = group(
    request_three_d_secure=OneOf(("any", "automatic", "challenge")), setup_future_usage=_USAGE
)
_AS_SHOWN_OR_ASKED = OneOf(("auto", "never"))
_CUSTOM_TEXT = group("message", message=Text(longest=1200))

CREATE = Group(
    {
        "adaptive_pricing": group(enabled=Flag()),
        "allow_promotion_codes": Flag(),
        "automatic_tax": _ENABLED,
        "billing_address_collection": OneOf(("auto", "required")),
        "cancel_url": Url(),
        "client_reference_id": Text(longest=200),
        "currency": CURRENCY,
        "custom_text": group(
            after_submit=_CUSTOM_TEXT, submit=_CUSTOM_TEXT, terms_of_service_acceptance=_CUSTOM_TEXT
        ),
        "customer": Text(),
        "customer_creation": OneOf(("always", "if_required")),
        "customer_email": Text(longest=800),
        "customer_update": group(address=_AS_SHOWN_OR_ASKED, name=_AS_SHOWN_OR_ASKED),
        "discounts": ListOf(group(coupon=Text(), promotion_code=Text()), most=1),
        "expand": EXPAND,
        "expires_at": Whole(),
        "invoice_creation": _ENABLED,
        "line_items": ListOf(_LINE_ITEM),
        "locale": OneOf(("auto", "de", "en", "en-GB", "es", "fr", "it", "ja", "nl", "pt", "zh")),
        "metadata": Metadata(),
        "mode": OneOf(("payment", "setup", "subscription")),
        "payment_intent_data": _PAYMENT_INTENT_DATA,
        "payment_method_options": group(card=_CARD_OPTIONS),
        "allowed_payment_method_types": PAYMENT_METHOD_TYPES,
        "phone_number_collection": _ENABLED,
        "saved_payment_method_options": group(
            payment_method_save=OneOf(("disabled", "enabled")),
        ),
        "setup_intent_data": group(description=Text(longest=1000), metadata=Metadata()),
        "submit_type": OneOf(("auto", "book", "donate", "pay", "subscribe")),
        "success_url": Url(),
        "tax_id_collection": _ENABLED,
        "ui_mode": OneOf(("hosted_page",)),
    }
)

RETRIEVE = only_expand()
EXPIRE = only_expand()
LIST = listing(
    customer=Text(),
    payment_intent=Text(),
    status=OneOf(("complete", "expired", "open")),
)
LIST_LINE_ITEMS = Group(
    {name: shape for name, shape in listing().fields.items() if name != "created"}
)
