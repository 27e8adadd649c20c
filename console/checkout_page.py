"""Where people land when they come back from paying: says what became of their checkout."""

from collections.abc import Mapping
from functools import wraps
from urllib.parse import urlencode

import msgspec
import structlog
from aiohttp import web

from billing.errors import PurchaseUnknownError, StripeRefusedError, StripeUnavailableError
from billing.purchases import Purchase
from billing.returns import Returns
from console.errors import ApiError
from console.handling import Handler, answering_errors
from console.pages import CONSOLE_PATH, PAGE_HEADERS, page_templates
from ledger.errors import RedisUnavailableError
from ledger.working_copy import WorkingBalance, WorkingCopy

_log = structlog.get_logger(__name__)

PATH = f"{CONSOLE_PATH}/checkout/{{purchase_id}}"
FIRST_LOOK_S = 2
# A payment by bank takes days: whoever leaves the page open asks ever more rarely.
SLOWEST_LOOK_S = 60
_LONGEST_VALUE = 300
_LOOKS_COUNTED = 20
_CANCELLED = "cancelled"


class CheckoutView(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows. `purchase` is None where it could not be asked for; `state` is `paid`,
    `pending`, `processing`, `cancelled`, `expired` or `failed`; `balance` is None while Redis is
    away; `again_url` is None where the page need not be asked for again.
    """

    state: str
    purchase: Purchase | None
    balance: WorkingBalance | None
    again_url: str | None
    again_s: int


class CheckoutPage:
    """One purchase, for whoever has its token; nothing else of the account but the balance."""

    def __init__(
        self, returns: Returns, working_copy: WorkingCopy, *, credits_per_usd: int
    ) -> None:
        self._returns = returns
        self._working_copy = working_copy
        self._templates = page_templates(credits_per_usd)

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application."""
        return [web.get(PATH, self._page(self._show))]

    def _page(self, handler: Handler) -> Handler:
        answering = answering_errors(handler)

        @wraps(handler)
        async def page(request: web.Request) -> web.StreamResponse:
            try:
                return await answering(request)
            except ApiError as error:
                title = "This does not work now"
                return self._html(error.status, "message.html", title=title, text=str(error))

        return page

    async def _show(self, request: web.Request) -> web.Response:
        try:
            view = await self._view(request)
        except PurchaseUnknownError:
            text = "This link is not of a checkout that is known here."
            return self._html(404, "message.html", title="No such checkout", text=text)
        return self._html(200, "checkout.html", view=view)

    async def _view(self, request: web.Request) -> CheckoutView:
        token, session_id = _value(request, "token"), _value(request, "session_id")
        purchase = await self._look(request.match_info["purchase_id"], token, session_id)
        state = _state(purchase, is_cancelled=bool(_value(request, _CANCELLED)))
        is_pending = state in ("pending", "processing")
        looks = _looks(request)
        return CheckoutView(
            state=state,
            purchase=purchase,
            balance=await self._balance(purchase) if state == "paid" else None,
            again_url=_again_url(request, looks + 1) if is_pending else None,
            again_s=min(FIRST_LOOK_S + looks * looks, SLOWEST_LOOK_S),
        )

    async def _look(self, purchase_id: str, token: str, session_id: str | None) -> Purchase | None:
        try:
            return await self._returns.look(purchase_id, token, session_id or None)
        except (StripeUnavailableError, StripeRefusedError) as error:
            _log.warning("checkout_not_asked_for", purchase_id=purchase_id, reason=str(error))
            return None

    async def _balance(self, purchase: Purchase | None) -> WorkingBalance | None:
        if purchase is None:
            return None
        try:
            return await self._working_copy.balance(purchase.account_id)
        except RedisUnavailableError:
            return None

    def _html(self, status: int, template: str, **values: object) -> web.Response:
        text = self._templates.get_template(template).render(**values)
        return web.Response(
            text=text, status=status, content_type="text/html", headers=PAGE_HEADERS
        )


def _state(purchase: Purchase | None, *, is_cancelled: bool) -> str:
    if purchase is not None and purchase.status in ("paid", "expired", "failed", "processing"):
        return purchase.status
    return "cancelled" if is_cancelled else "pending"


def _value(request: web.Request, name: str) -> str:
    value = request.query.get(name, "")
    return value if len(value) <= _LONGEST_VALUE else ""


def _looks(request: web.Request) -> int:
    text = _value(request, "look")
    return min(int(text), _LOOKS_COUNTED) if text.isascii() and text.isdigit() else 0


def _again_url(request: web.Request, looks: int) -> str:
    known: Mapping[str, str] = {
        name: value for name in ("token", "session_id") if (value := _value(request, name))
    }
    return f"{request.path}?{urlencode({**known, 'look': looks})}"
