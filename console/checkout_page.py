"""Where people land when they come back from paying: says what became of their checkout."""

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec
import structlog
from aiohttp import web

from billing.errors import PurchaseUnknownError, StripeRefusedError, StripeUnavailableError
from billing.purchases import Purchase
from billing.returns import Returns
from console.page.guard import Guard
from console.page.parts.news import checkout_state
from console.pages import CONSOLE_PATH, PAGE_HEADERS, Pages
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
_PASSED_ON = ("session_id", _CANCELLED)


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
        self, returns: Returns, working_copy: WorkingCopy, guard: Guard, pages: Pages
    ) -> None:
        self._returns = returns
        self._working_copy = working_copy
        self._guard = guard
        self._pages = pages

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application."""
        return [web.get(PATH, self._pages.answering(self._show))]

    async def _show(self, request: web.Request) -> web.Response:
        own_page = await self._own_page(request)
        if own_page is not None:
            return web.Response(status=303, headers={**PAGE_HEADERS, "Location": own_page})
        try:
            view = await self._view(request)
        except PurchaseUnknownError:
            text = "This link is not of a checkout that is known here."
            return self._pages.message(404, "No such checkout", text)
        return self._pages.html(200, "checkout.html", view=view)

    async def _own_page(self, request: web.Request) -> str | None:
        """The Credits page, which shows what became of it, for whoever is signed in there."""
        account_id = await self._guard.account_of(request)
        if account_id is None:
            return None
        purchase_id = request.match_info["purchase_id"]
        try:
            await self._returns.kept(account_id, purchase_id)
        except PurchaseUnknownError:
            return None
        passed_on = {name: value for name in _PASSED_ON if (value := _value(request, name))}
        return f"{CONSOLE_PATH}?{urlencode({'checkout': purchase_id, **passed_on})}"

    async def _view(self, request: web.Request) -> CheckoutView:
        token, session_id = _value(request, "token"), _value(request, "session_id")
        purchase = await self._look(request.match_info["purchase_id"], token, session_id)
        state = checkout_state(purchase, is_cancelled=bool(_value(request, _CANCELLED)))
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
