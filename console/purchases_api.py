"""What an account has bought: `GET /v1/credits/purchases`."""

from aiohttp import web

from billing.purchases import Purchase, Purchases
from console.handling import answering_errors
from console.identity import IDENTITY
from console.json import Json, amount, answer, listing, timestamp
from console.packages_api import CURRENCY, cents_number
from console.paging import read_list_query


class PurchasesApi:
    """Needs `request[IDENTITY]`: purchases of that account, newest first."""

    def __init__(self, purchases: Purchases) -> None:
        self._purchases = purchases

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application, behind authentication by key."""
        return [web.get("/v1/credits/purchases", answering_errors(self._list))]

    async def _list(self, request: web.Request) -> web.Response:
        query = read_list_query(request, {})
        page = await self._purchases.page(request[IDENTITY].account_id, query.window)
        return answer(listing(page, purchase_shape))


def purchase_shape(purchase: Purchase) -> Json:
    """A purchase: what was asked for, what was paid, and what the ledger has of it."""
    paid_at = purchase.paid_at
    refunded_mc = purchase.posted_base_refund_mc + purchase.posted_bonus_refund_mc
    return {
        "purchaseId": purchase.purchase_id,
        "createdAt": timestamp(purchase.created_at),
        "kind": purchase.kind,
        "packageId": purchase.package_id,
        "label": purchase.label,
        "status": purchase.status,
        "currency": CURRENCY,
        "priceUsd": cents_number(purchase.price_cents),
        "priceCents": purchase.price_cents,
        **amount("base", purchase.base_mc),
        **amount("bonus", purchase.bonus_mc),
        **amount("total", purchase.base_mc + purchase.bonus_mc),
        "paidAt": None if paid_at is None else timestamp(paid_at),
        "paidCents": purchase.paid_cents,
        "chargedCents": purchase.charged_cents,
        **amount("credited", purchase.credited_mc),
        **amount("refunded", refunded_mc),
        **amount("disputed", purchase.posted_dispute_mc),
        "checkoutId": purchase.checkout_session_id,
        "paymentId": purchase.payment_intent_id,
        "failure": purchase.failure,
        "receiptUrl": purchase.receipt_url,
    }
