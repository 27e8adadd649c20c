"""Buying a package: `POST /v1/credits/checkout`."""

import msgspec
from aiohttp import web

from billing.checkout import Checkout
from console.bodies import read_body
from console.handling import answering_errors, bad_value
from console.identity import IDENTITY
from console.json import answer

IDEMPOTENCY_KEY = "Idempotency-Key"
LONGEST_KEY = 255


class CheckoutBody(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """What is bought; what it costs and gives is the server's to say."""

    package_id: str


class CheckoutApi:
    """Needs `request[IDENTITY]`: credits are bought for that account."""

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application, behind authentication by key."""
        return [web.post("/v1/credits/checkout", answering_errors(self._begin))]

    async def _begin(self, request: web.Request) -> web.Response:
        request_key = _request_key(request)
        body = await read_body(request, CheckoutBody)
        account_id = request[IDENTITY].account_id
        page = await self._checkout.begin(account_id, body.package_id, request_key)
        return answer(
            {"url": page.url, "checkoutId": page.checkout_id, "purchaseId": page.purchase_id}
        )


def _request_key(request: web.Request) -> str | None:
    given = request.headers.getall(IDEMPOTENCY_KEY, [])
    if not given:
        return None
    if len(given) > 1:
        raise bad_value(IDEMPOTENCY_KEY, "is given twice")
    [key] = given
    if not (key.isascii() and key.isprintable() and 1 <= len(key) <= LONGEST_KEY):
        raise bad_value(IDEMPOTENCY_KEY, f"must have 1 to {LONGEST_KEY} printable ASCII characters")
    return key
