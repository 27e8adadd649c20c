"""/pretend/…: makes happen what customers, banks and networks do."""

from typing import TypeVar

import msgspec
from aiohttp import web

from deploy.local.pretend_stripe import disputes, refunds
from deploy.local.pretend_stripe.changes import Changes
from deploy.local.pretend_stripe.checkout import VISITOR, Checkout
from deploy.local.pretend_stripe.errors import StripeError, invalid
from deploy.local.pretend_stripe.knobs import (
    ApiKnobs,
    Knobs,
    OffSessionKnobs,
    Order,
    PageKnobs,
    WebhookKnobs,
)
from deploy.local.pretend_stripe.objects.cards import CARDS
from deploy.local.pretend_stripe.store import Json
from deploy.local.pretend_stripe.webhooks import Webhooks
from deploy.local.pretend_stripe.world import EVENT, World

T = TypeVar("T")


class _Body(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Field names are those of the JSON."""


class _Pay(_Body):
    card: str = "pm_card_visa"
    email: str = VISITOR
    code: str = ""


class _PayByBank(_Body):
    outcome: str = "succeeded"
    email: str = VISITOR
    code: str = ""


class _Settle(_Body):
    outcome: str | None = None


class _Refund(_Body):
    amount: int | None = None
    reason: str | None = None


class _Dispute(_Body):
    amount: int | None = None
    reason: str = "fraudulent"
    inquiry: bool = False


class _Send(_Body):
    events: list[str] | None = None
    order: Order = "as_happened"
    copies: int = 1


class _Nothing(_Body):
    pass


class Control:
    """Routes that the real Stripe does not have."""

    def __init__(
        self,
        world: World,
        changes: Changes,
        checkout: Checkout,
        webhooks: Webhooks,
        knobs: Knobs,
    ) -> None:
        self._world = world
        self._changes = changes
        self._checkout = checkout
        self._webhooks = webhooks
        self._knobs = knobs

    def routes(self) -> list[web.RouteDef]:
        """All of them; the package's docstring is their documentation."""
        sessions = "/pretend/sessions/{id}"
        return [
            web.post(f"{sessions}/pay", self.pay),
            web.post(f"{sessions}/decline", self.decline),
            web.post(f"{sessions}/pay_by_bank", self.pay_by_bank),
            web.post(f"{sessions}/settle", self.settle),
            web.post("/pretend/payments/{id}/refund", self.refund),
            web.post("/pretend/refunds/{id}/fail", self.fail_refund),
            web.post("/pretend/payments/{id}/dispute", self.dispute),
            web.post("/pretend/disputes/{id}/win", self.win),
            web.post("/pretend/disputes/{id}/lose", self.lose),
            web.put("/pretend/webhooks", self.turn_webhooks),
            web.put("/pretend/off_session", self.turn_off_session),
            web.put("/pretend/api", self.turn_api),
            web.put("/pretend/page", self.turn_page),
            web.get("/pretend/events", self.events),
            web.post("/pretend/events/send", self.send),
        ]

    async def pay(self, request: web.Request) -> web.Response:
        """POST /pretend/sessions/{id}/pay."""
        body = await _body(request, _Pay)
        card = CARDS.get(body.card)
        if card is None:
            raise invalid(f"card must be one of {', '.join(CARDS)}", "card")
        session = self._session(request)
        with self._changes.one():
            self._checkout.pay(session, card, email=body.email, code=body.code)
        return web.json_response(session)

    async def decline(self, request: web.Request) -> web.Response:
        """POST /pretend/sessions/{id}/decline."""
        await _body(request, _Nothing)
        session = self._session(request)
        with self._changes.one():
            self._checkout.decline(session)
        return web.json_response(session)

    async def pay_by_bank(self, request: web.Request) -> web.Response:
        """POST /pretend/sessions/{id}/pay_by_bank."""
        body = await _body(request, _PayByBank)
        session = self._session(request)
        with self._changes.one():
            self._checkout.pay_by_bank(
                session, outcome=_outcome(body.outcome), email=body.email, code=body.code
            )
        return web.json_response(session)

    async def settle(self, request: web.Request) -> web.Response:
        """POST /pretend/sessions/{id}/settle."""
        body = await _body(request, _Settle)
        session = self._session(request)
        outcome = None if body.outcome is None else _outcome(body.outcome)
        with self._changes.one():
            self._checkout.settle(session["id"], outcome)
        return web.json_response(session)

    async def refund(self, request: web.Request) -> web.Response:
        """POST /pretend/payments/{id}/refund."""
        body = await _body(request, _Refund)
        params: Json = {"charge": self._charge(request)["id"]}
        params |= {n: v for n, v in msgspec.to_builtins(body).items() if v is not None}
        with self._changes.one() as world:
            return web.json_response(refunds.create(world, params))

    async def fail_refund(self, request: web.Request) -> web.Response:
        """POST /pretend/refunds/{id}/fail."""
        await _body(request, _Nothing)
        with self._changes.one() as world:
            return web.json_response(refunds.fail(world, request.match_info["id"]))

    async def dispute(self, request: web.Request) -> web.Response:
        """POST /pretend/payments/{id}/dispute."""
        body = await _body(request, _Dispute)
        charge = self._charge(request)
        with self._changes.one() as world:
            made = disputes.open_dispute(
                world, charge, amount=body.amount, reason=body.reason, is_inquiry=body.inquiry
            )
        return web.json_response(made)

    async def win(self, request: web.Request) -> web.Response:
        """POST /pretend/disputes/{id}/win."""
        await _body(request, _Nothing)
        with self._changes.one() as world:
            return web.json_response(disputes.win(world, request.match_info["id"]))

    async def lose(self, request: web.Request) -> web.Response:
        """POST /pretend/disputes/{id}/lose."""
        await _body(request, _Nothing)
        with self._changes.one() as world:
            return web.json_response(disputes.lose(world, request.match_info["id"]))

    async def turn_webhooks(self, request: web.Request) -> web.Response:
        """PUT /pretend/webhooks: all knobs; those that are left out are turned back."""
        self._knobs.webhooks = await _body(request, WebhookKnobs)
        return _turned(self._knobs.webhooks)

    async def turn_off_session(self, request: web.Request) -> web.Response:
        """PUT /pretend/off_session."""
        self._knobs.off_session = await _body(request, OffSessionKnobs)
        return _turned(self._knobs.off_session)

    async def turn_api(self, request: web.Request) -> web.Response:
        """PUT /pretend/api."""
        self._knobs.api = await _body(request, ApiKnobs)
        return _turned(self._knobs.api)

    async def turn_page(self, request: web.Request) -> web.Response:
        """PUT /pretend/page."""
        self._knobs.page = await _body(request, PageKnobs)
        return _turned(self._knobs.page)

    async def events(self, request: web.Request) -> web.Response:
        """GET /pretend/events?type=…"""
        return web.json_response({"data": self._webhooks.describe(request.query.get("type"))})

    async def send(self, request: web.Request) -> web.Response:
        """POST /pretend/events/send."""
        body = await _body(request, _Send)
        event_ids = self._webhooks.dropped() if body.events is None else body.events
        for event_id in event_ids:
            self._world.find(EVENT, event_id)
        self._webhooks.send(event_ids, order=body.order, copies=body.copies)
        return web.json_response({"sending": event_ids})

    def _session(self, request: web.Request) -> Json:
        return self._world.find("checkout.session", request.match_info["id"])

    def _charge(self, request: web.Request) -> Json:
        """By the id of the charge, of its intent, or of its session."""
        name = request.match_info["id"]
        if name.startswith("cs_"):
            name = self._world.find("checkout.session", name)["payment_intent"] or name
        if name.startswith("pi_"):
            name = self._world.find("payment_intent", name)["latest_charge"] or name
        return self._world.find("charge", name)


async def _body(request: web.Request, kind: type[T]) -> T:
    text = await request.read()
    try:
        return msgspec.json.decode(text or b"{}", type=kind)
    except msgspec.MsgspecError as error:
        raise StripeError(str(error)) from None


def _turned(knobs: msgspec.Struct) -> web.Response:
    return web.json_response(msgspec.to_builtins(knobs))


def _outcome(outcome: str) -> str:
    if outcome not in ("succeeded", "failed"):
        raise invalid("outcome must be succeeded or failed", "outcome")
    return outcome
