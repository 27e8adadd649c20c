"""Parameters of PaymentIntents."""

from deploy.local.pretend_stripe.params.common import (
    CURRENCY,
    EXPAND,
    PAYMENT_METHOD_TYPES,
    listing,
    only_expand,
)
from deploy.local.pretend_stripe.shapes import Flag, Group, Metadata, OneOf, Text, Url, Whole, group

_USAGE = OneOf(("off_session", "on_session"))

CREATE = Group(
    {
        "amount": Whole(least=-(10**12)),
        "automatic_payment_methods": group(
            "enabled", enabled=Flag(), allow_redirects=OneOf(("always", "never"))
        ),
        "capture_method": OneOf(("automatic", "automatic_async")),
        "confirm": Flag(),
        "currency": CURRENCY,
        "customer": Text(),
        "description": Text(longest=1000),
        "error_on_requires_action": Flag(),
        "expand": EXPAND,
        "metadata": Metadata(),
        "off_session": Flag(),
        "payment_method": Text(),
        "payment_method_options": group(
            card=group(request_three_d_secure=OneOf(("any", "automatic", "challenge")))
        ),
        "allowed_payment_method_types": PAYMENT_METHOD_TYPES,
        "receipt_email": Text(longest=800),
        "return_url": Url(),
        "setup_future_usage": _USAGE,
        "statement_descriptor": Text(longest=22),
        "statement_descriptor_suffix": Text(longest=22),
    },
    frozenset({"amount", "currency"}),
)
RETRIEVE = only_expand()
CANCEL = Group(
    {
        "cancellation_reason": OneOf(
            ("abandoned", "duplicate", "fraudulent", "requested_by_customer")
        ),
        "expand": EXPAND,
    }
)
LIST = listing(customer=Text())
