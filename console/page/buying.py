"""The Buy buttons, and the page on which a card is saved."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from billing.checkout import Checkout
from console.json import answer
from console.page.forms import read_form
from console.page.guard import CUSTOMERS, Guard
from console.page.visitor import Visitor
from console.pages import Pages

BeginSetup = Callable[[str], Awaitable[str]]
_JSON = "application/json"
_LONGEST_KEY = 100


class Buying:
    """Leads to the page where people pay: scripts get its address, a plain form a link to it."""

    def __init__(
        self, guard: Guard, pages: Pages, checkout: Checkout, begin_setup: BeginSetup
    ) -> None:
        self._guard = guard
        self._pages = pages
        self._checkout = checkout
        self._begin_setup = begin_setup

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application."""
        guard = self._guard
        return [
            *guard.routes("POST", "/buy", guard.change(self._buy), (CUSTOMERS,)),
            *guard.routes("POST", "/card", guard.manage(self._save_card), (CUSTOMERS,)),
        ]

    async def _buy(self, request: web.Request, visitor: Visitor) -> web.Response:
        form = await read_form(request)
        package_id = form.get("package_id", "")
        # One click is one checkout, however often it arrives; the next click has another key.
        request_key = f"page-{form.get('request_key', '')}"[:_LONGEST_KEY]
        page = await self._checkout.begin(visitor.account_id, package_id, request_key)
        return self._lead_to(request, page.url, "Continue to the payment")

    async def _save_card(self, request: web.Request, visitor: Visitor) -> web.Response:
        url = await self._begin_setup(visitor.account_id)
        return self._lead_to(request, url, "Continue to save a card")

    def _lead_to(self, request: web.Request, url: str, text: str) -> web.Response:
        """No redirect: our pages' forms may lead nowhere else, and a browser would refuse it."""
        if _JSON in request.headers.get("Accept", ""):
            return answer({"url": url})
        return self._pages.html(200, "leave.html", url=url, text=text)
