"""What a visitor of the hosted page does with a session: pays, is declined, pays by bank."""

import re

from deploy.local.pretend_stripe.errors import StripeError, invalid
from deploy.local.pretend_stripe.knobs import Knobs
from deploy.local.pretend_stripe.objects.cards import (
    DECLINED,
    SUCCEEDS,
    Card,
    bank_account,
    card_of,
    payment_method,
)
from deploy.local.pretend_stripe.objects.customers import customer, setup_intent
from deploy.local.pretend_stripe.objects.payment_intents import payment_intent
from deploy.local.pretend_stripe.objects.sessions import customer_details, total_details
from deploy.local.pretend_stripe.payments import (
    arrive,
    begin,
    book,
    fall_through,
    refuse,
    succeed,
)
from deploy.local.pretend_stripe.sessions import PARAMS
from deploy.local.pretend_stripe.store import Json
from deploy.local.pretend_stripe.world import World

SETTLEMENTS = "pretend.settlement"
VISITOR = "visitor@example.com"
_CODE = re.compile(r"PRETEND([1-9][0-9]?)")
_BOUNCED = Card(
    "3000",
    code="payment_intent_payment_attempt_failed",
    message="The bank account could not be debited.",
)


class Checkout:
    """Sessions of one world, as visitors bring them to their end."""

    def __init__(self, world: World, knobs: Knobs) -> None:
        self._world = world
        self._knobs = knobs

    def pay(self, session: Json, card: Card, *, email: str = VISITOR, code: str = "") -> None:
        """Pay by card, or save it where the session is for that.

        Raises:
            StripeError: the session is not open, the code is none, or the card is declined.
        """
        self._check(session)
        self._reckon(session, code)
        method = self._method(session, card, email)
        if session["mode"] == "setup":
            self._save(session, method)
            return
        intent = self._intent(session)
        if card_of(method).code not in (SUCCEEDS, "authentication_required"):
            raise refuse(self._world, intent, method, card)
        paid = succeed(self._world, intent, method)
        self._complete(session, email, payment_status="paid", payment_intent=intent["id"])
        book(self._world, paid)

    def decline(self, session: Json, *, email: str = VISITOR) -> StripeError:
        """Try a card that is declined; the session stays open.

        Raises:
            StripeError: the session is not open.
        """
        self._check(session)
        self._reckon(session, "")
        method = self._method(session, DECLINED, email, is_kept=False)
        if session["mode"] == "setup":
            return StripeError(DECLINED.message, code=DECLINED.code)
        return refuse(self._world, self._intent(session), method, DECLINED)

    def pay_by_bank(
        self, session: Json, *, outcome: str, email: str = VISITOR, code: str = ""
    ) -> None:
        """Complete the session with a payment that `settle` brings to its `outcome` later.

        Raises:
            StripeError: the session is not open, or is not for a payment.
        """
        self._check(session)
        if session["mode"] != "payment":
            raise invalid("Only payments can be made by bank.")
        self._reckon(session, code)
        intent = self._intent(session)
        account = bank_account(customer=session["customer"], email=email, now=self._world.now)
        begin(self._world, intent, self._world.add(account))
        self._complete(session, email, payment_status="unpaid", payment_intent=intent["id"])
        due_at = self._world.now + round(self._knobs.page.bank_delay_s)
        settlement = {"session": session["id"], "due_at": due_at, "outcome": outcome}
        self._world.store.put(SETTLEMENTS, session["id"], {**settlement, "is_done": False})

    def settle(self, session_id: str, outcome: str | None = None) -> None:
        """A payment by bank succeeds or fails, as was chosen or as is said now.

        Raises:
            StripeError: no such payment is under way.
        """
        settlement = self._world.store.find(SETTLEMENTS, session_id)
        if settlement is None or settlement["is_done"]:
            raise invalid(f"No payment by bank is under way for {session_id}.")
        self._world.store.put(SETTLEMENTS, session_id, {**settlement, "is_done": True})
        session = self._world.find("checkout.session", session_id)
        intent = self._world.find("payment_intent", session["payment_intent"])
        if (outcome or settlement["outcome"]) == "succeeded":
            arrive(self._world, intent)
            self._world.change(session, payment_status="paid")
            self._world.emit("checkout.session.async_payment_succeeded", session)
        else:
            fall_through(self._world, intent, _BOUNCED)
            self._world.emit("checkout.session.async_payment_failed", session)

    def settle_due(self) -> None:
        """Settle what a bank has taken long enough for."""
        for settlement in self._world.store.all(SETTLEMENTS):
            if not settlement["is_done"] and settlement["due_at"] <= self._world.now:
                self.settle(settlement["session"])

    def _check(self, session: Json) -> None:
        if session["status"] != "open" or session["expires_at"] <= self._world.now:
            raise invalid("This Checkout Session is not open any more.")

    def _reckon(self, session: Json, code: str) -> None:
        """Discount and tax, in whole cents, rounded half up."""
        if session["mode"] == "setup":
            return
        percent = _discount_percent(session, code)
        discount = _percent_of(session["amount_subtotal"], percent)
        taxed = session["amount_subtotal"] - discount
        is_taxed = session["automatic_tax"]["enabled"]
        tax = _percent_of(taxed, self._knobs.page.tax_percent) if is_taxed else 0
        details = total_details(discount=discount, tax=tax)
        self._world.change(session, amount_total=taxed + tax, total_details=details)

    def _method(self, session: Json, card: Card, email: str, *, is_kept: bool = True) -> Json:
        """The visitor's card, which is the customer's where it is to be used again."""
        if is_kept and session["customer_creation"] == "always" and session["customer"] is None:
            made = self._world.add(customer({"email": email}, self._world.now))
            self._world.change(session, customer=made["id"])
            self._world.emit("customer.created", made)
        said = self._params(session).get("payment_intent_data", {})
        is_saved = session["mode"] == "setup" or "setup_future_usage" in said
        owner = session["customer"] if is_kept and is_saved else None
        method = payment_method(card, customer=owner, email=email, now=self._world.now)
        self._world.add(method)
        if owner is not None:
            self._world.emit("payment_method.attached", method)
        return method

    def _intent(self, session: Json) -> Json:
        """The session's intent, which is made at the first try."""
        if session["payment_intent"] is not None:
            intent = self._world.find("payment_intent", session["payment_intent"])
            self._world.change(intent, amount=session["amount_total"])
            return intent
        said = dict(self._params(session).get("payment_intent_data", {}))
        said |= {"currency": session["currency"], "customer": session["customer"]}
        types = session["payment_method_types"]
        now = self._world.now
        intent = payment_intent(said, amount=session["amount_total"], types=types, now=now)
        self._world.add(intent)
        self._world.change(session, payment_intent=intent["id"])
        self._world.emit("payment_intent.created", intent)
        return intent

    def _save(self, session: Json, method: Json) -> None:
        said = self._params(session).get("setup_intent_data", {})
        types = session["payment_method_types"]
        made = setup_intent(said, customer_id=session["customer"], types=types, now=self._world.now)
        self._world.add(made)
        self._world.emit("setup_intent.created", made)
        self._world.change(made, status="succeeded", payment_method=method["id"])
        self._world.emit("setup_intent.succeeded", made)
        email = method["billing_details"]["email"]
        self._complete(session, email, setup_intent=made["id"])

    def _complete(self, session: Json, email: str, **fields: str) -> None:
        details = customer_details(email)
        self._world.change(session, status="complete", url=None, customer_details=details, **fields)
        self._world.emit("checkout.session.completed", session)

    def _params(self, session: Json) -> Json:
        return self._world.find(PARAMS, session["id"])


def _discount_percent(session: Json, code: str) -> int:
    code = code.strip().upper()
    if not code or not session["allow_promotion_codes"]:
        return 0
    match = _CODE.fullmatch(code)
    if match is None:
        raise invalid("This code is invalid.", "promotion_code")
    return int(match[1])


def _percent_of(amount_cents: int, percent: int) -> int:
    return (amount_cents * percent + 50) // 100
