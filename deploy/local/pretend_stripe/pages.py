"""The hosted pages: a session's, a receipt's, and the one where a card asks who it is."""

from urllib.parse import quote

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from deploy.local.pretend_stripe.changes import Changes
from deploy.local.pretend_stripe.checkout import VISITOR, Checkout
from deploy.local.pretend_stripe.errors import StripeError
from deploy.local.pretend_stripe.objects.cards import CARDS
from deploy.local.pretend_stripe.payments import book, succeed
from deploy.local.pretend_stripe.sessions import PARAMS, line_items_of
from deploy.local.pretend_stripe.store import Json
from deploy.local.pretend_stripe.world import World

_PLACE = "{CHECKOUT_SESSION_ID}"
_CARDS_TO_PAY = ("pm_card_visa", "pm_card_authenticationRequired")
_CARDS_TO_SAVE = (*_CARDS_TO_PAY, "pm_card_chargeCustomerFail")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Pages:
    """What people see. No key: who has a link may use it, as at the real one."""

    def __init__(self, world: World, changes: Changes, checkout: Checkout) -> None:
        self._world = world
        self._changes = changes
        self._checkout = checkout
        self._templates = Environment(
            loader=PackageLoader("deploy.local.pretend_stripe"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["dollars"] = _dollars

    def routes(self) -> list[web.RouteDef]:
        """All pages."""
        return [
            web.get("/c/pay/{id}", self.show),
            web.post("/c/pay/{id}", self.act),
            web.get("/receipts/{id}", self.receipt),
            web.get("/authenticate/{id}", self.ask_who),
            web.post("/authenticate/{id}", self.authenticate),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """GET /c/pay/{id}."""
        session = self._world.store.find("checkout.session", request.match_info["id"])
        if session is None:
            return self._message(404, "There is no such checkout.")
        return self._page(session)

    async def act(self, request: web.Request) -> web.Response:
        """POST /c/pay/{id}: what a button says."""
        session = self._world.store.find("checkout.session", request.match_info["id"])
        if session is None:
            return self._message(404, "There is no such checkout.")
        form = {name: str(value) for name, value in (await request.post()).items()}
        if form.get("do") == "cancel":
            return self._cancel(session)
        try:
            with self._changes.one():
                refusal = self._try(session, form)
        except StripeError as error:
            refusal = error
        if refusal is not None:
            return self._page(session, said=str(refusal), form=form)
        raise web.HTTPSeeOther(_filled(session["success_url"], session["id"]))

    async def receipt(self, request: web.Request) -> web.Response:
        """GET /receipts/{id}."""
        charge = self._world.store.find("charge", request.match_info["id"])
        if charge is None or charge["receipt_url"] is None:
            return self._message(404, "There is no such receipt.")
        return self._html(200, "receipt.html", charge=charge)

    async def ask_who(self, request: web.Request) -> web.Response:
        """GET /authenticate/{id}: where a payment waits for its customer."""
        intent = self._waiting(request)
        if intent is None:
            return self._message(404, "No payment waits here.")
        return self._html(200, "authenticate.html", intent=intent)

    async def authenticate(self, request: web.Request) -> web.Response:
        """POST /authenticate/{id}: the customer is who they say, and the payment goes through."""
        intent = self._waiting(request)
        if intent is None:
            return self._message(404, "No payment waits here.")
        back = intent["next_action"]["redirect_to_url"]["return_url"]
        method = self._world.find("payment_method", intent["payment_method"])
        with self._changes.one() as world:
            book(world, succeed(world, intent, method))
        if back is None:
            return self._message(200, "Paid. You can close this page.")
        raise web.HTTPSeeOther(back)

    def _waiting(self, request: web.Request) -> Json | None:
        intent = self._world.store.find("payment_intent", request.match_info["id"])
        return intent if intent and intent["status"] == "requires_action" else None

    def _try(self, session: Json, form: dict[str, str]) -> StripeError | None:
        email = form.get("email") or VISITOR
        code = form.get("code", "")
        do = form.get("do")
        if do == "pay":
            card = CARDS.get(form.get("card", ""), CARDS["pm_card_visa"])
            self._checkout.pay(session, card, email=email, code=code)
        elif do == "decline":
            return self._checkout.decline(session, email=email)
        elif do in ("bank_succeeded", "bank_failed"):
            outcome = do.removeprefix("bank_")
            self._checkout.pay_by_bank(session, outcome=outcome, email=email, code=code)
        else:
            return StripeError("This page has no such button.")
        return None

    def _cancel(self, session: Json) -> web.Response:
        if session["cancel_url"] is None:
            return self._message(200, "Cancelled. Nothing was paid; you can close this page.")
        raise web.HTTPSeeOther(_filled(session["cancel_url"], session["id"]))

    def _page(
        self, session: Json, *, said: str = "", form: dict[str, str] | None = None
    ) -> web.Response:
        if session["status"] == "complete":
            return self._message(200, "This checkout is complete; it cannot be paid again.")
        if session["status"] == "expired" or session["expires_at"] <= self._world.now:
            return self._message(200, "This checkout has expired. Nothing was paid.")
        is_setup = session["mode"] == "setup"
        said_before = self._world.find(PARAMS, session["id"]).get("payment_intent_data", {})
        saves = is_setup or "setup_future_usage" in said_before
        cards = {name: CARDS[name] for name in (_CARDS_TO_SAVE if is_setup else _CARDS_TO_PAY)}
        return self._html(
            402 if said else 200,
            "checkout.html",
            session=session,
            items=line_items_of(self._world, session["id"]),
            is_setup=is_setup,
            cards=cards if saves else {},
            email=(form or {}).get("email") or self._email(session),
            said=said,
        )

    def _email(self, session: Json) -> str:
        customer = self._world.store.find("customer", session["customer"] or "")
        return session["customer_email"] or (customer or {}).get("email") or VISITOR

    def _message(self, status: int, text: str) -> web.Response:
        return self._html(status, "message.html", text=text)

    def _html(self, status: int, template: str, **values: object) -> web.Response:
        text = self._templates.get_template(template).render(**values)
        return web.Response(status=status, text=text, content_type="text/html", headers=_HEADERS)


def _filled(url: str, session_id: str) -> str:
    return url.replace(_PLACE, quote(session_id, safe=""))


def _dollars(amount_cents: int) -> str:
    return f"${amount_cents // 100:,}.{amount_cents % 100:02d}"
