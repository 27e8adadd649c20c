"""What the page at Stripe is asked to sell, and on which terms. Pure.

Made of what is stored of the purchase alone and of the operator's settings, so that a second
attempt says the same.
"""

from typing import Any

import msgspec
from stripe.params.checkout import SessionCreateParams

from billing.purchases import Purchase
from billing.return_links import ReturnLinks
from billing.stripe_objects import ACCOUNT_ID, CURRENCY, PURCHASE_ID
from config.settings import Settings
from pricing.money import grouped_credits_text


class SalesTerms(msgspec.Struct, frozen=True, kw_only=True):
    """The operator's terms; no `payment_method_types` leaves them to Stripe's dashboard."""

    payment_method_types: tuple[str, ...] = ()
    automatic_tax: bool = False
    promotion_codes: bool = False

    @property
    def is_price_exact(self) -> bool:
        """Whether what is charged is the price."""
        return not (self.automatic_tax or self.promotion_codes)


def sales_terms(settings: Settings) -> SalesTerms:
    """The terms of the operator's settings."""
    names = (name.strip() for name in settings.checkout_payment_methods.split(","))
    return SalesTerms(
        payment_method_types=tuple(name for name in names if name),
        automatic_tax=settings.checkout_automatic_tax,
        promotion_codes=settings.checkout_promotion_codes,
    )


def metadata_of(purchase: Purchase) -> dict[str, str]:
    """What tells an object of Stripe's whose it is; for sessions and payments alike."""
    return {PURCHASE_ID: purchase.purchase_id, ACCOUNT_ID: purchase.account_id}


def session_params(
    purchase: Purchase, links: ReturnLinks, terms: SalesTerms
) -> SessionCreateParams:
    """What is asked of Stripe for a purchase: always the same for the same one."""
    total = grouped_credits_text(purchase.base_mc + purchase.bonus_mc)
    params: SessionCreateParams = {
        "mode": "payment",
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": CURRENCY,
                    "unit_amount": purchase.price_cents,
                    "product_data": {"name": purchase.label, "description": f"{total} credits"},
                },
            }
        ],
        "client_reference_id": purchase.purchase_id,
        "metadata": metadata_of(purchase),
        "payment_intent_data": {"metadata": metadata_of(purchase)},
        "success_url": links.success_url(purchase.purchase_id),
        "cancel_url": links.cancel_url(purchase.purchase_id),
    }
    if terms.payment_method_types:
        types: list[Any] = list(terms.payment_method_types)
        params["allowed_payment_method_types"] = types
    if terms.automatic_tax:
        params["automatic_tax"] = {"enabled": True}
    if terms.promotion_codes:
        params["allow_promotion_codes"] = True
    return params
