"""What becomes of a payment: it succeeds, is refused, or is under way for a while."""

from deploy.local.pretend_stripe.errors import StripeError
from deploy.local.pretend_stripe.objects.cards import Card
from deploy.local.pretend_stripe.objects.charges import charge, payment_transaction, refusal
from deploy.local.pretend_stripe.store import Json, snapshot
from deploy.local.pretend_stripe.world import World

CARD_ERROR = "card_error"
_PAYMENT_REQUIRED = 402


def succeed(world: World, intent: Json, method: Json) -> Json:
    """The intent is paid; returns its charge, whose transaction `book` writes down later."""
    paid = charge(intent, method, status="succeeded", now=world.now)
    paid["receipt_url"] = f"{world.base_url}/receipts/{paid['id']}"
    world.add(paid)
    _say_succeeded(world, intent, method, paid)
    return paid


def book(world: World, paid: Json) -> None:
    """The charge's money has reached the balance, as Stripe tells a moment later."""
    transaction = world.add(payment_transaction(paid, world.now))
    previous = world.change(paid, balance_transaction=transaction["id"])
    world.emit("charge.updated", paid, previous)


def begin(world: World, intent: Json, method: Json) -> None:
    """The payment is under way: a bank says later whether it succeeds."""
    pending = world.add(charge(intent, method, status="pending", now=world.now))
    world.change(
        intent,
        status="processing",
        payment_method=method["id"],
        latest_charge=pending["id"],
        last_payment_error=None,
    )
    world.emit("charge.pending", pending)
    world.emit("payment_intent.processing", intent)


def arrive(world: World, intent: Json) -> None:
    """A payment that was under way has succeeded."""
    pending = world.find("charge", intent["latest_charge"])
    transaction = world.add(payment_transaction(pending, world.now))
    world.change(
        pending,
        status="succeeded",
        captured=True,
        amount_captured=pending["amount"],
        balance_transaction=transaction["id"],
        receipt_url=f"{world.base_url}/receipts/{pending['id']}",
    )
    method = world.find("payment_method", intent["payment_method"])
    _say_succeeded(world, intent, method, pending)


def fall_through(world: World, intent: Json, card: Card) -> None:
    """A payment that was under way has failed."""
    pending = world.find("charge", intent["latest_charge"])
    world.change(
        pending,
        status="failed",
        paid=False,
        failure_code=card.code,
        failure_message=card.message,
        outcome=refusal(card),
    )
    method = world.find("payment_method", intent["payment_method"])
    _say_failed(world, intent, method, card, pending)


def refuse(world: World, intent: Json, method: Json, card: Card) -> StripeError:
    """The card's bank refuses; returns the error that the API answers."""
    failed = charge(intent, method, status="failed", now=world.now)
    failed |= {
        "failure_code": card.code,
        "failure_message": card.message,
        "outcome": refusal(card),
    }
    world.add(failed)
    return _say_failed(world, intent, method, card, failed)


def _say_succeeded(world: World, intent: Json, method: Json, paid: Json) -> None:
    world.change(
        intent,
        status="succeeded",
        amount_received=intent["amount"],
        payment_method=method["id"],
        latest_charge=paid["id"],
        last_payment_error=None,
        next_action=None,
    )
    world.emit("charge.succeeded", paid)
    world.emit("payment_intent.succeeded", intent)


def _say_failed(world: World, intent: Json, method: Json, card: Card, failed: Json) -> StripeError:
    details = {
        "charge": failed["id"],
        "decline_code": card.decline_code,
        "payment_method": snapshot(method),
    }
    error = StripeError(
        card.message,
        status=_PAYMENT_REQUIRED,
        kind=CARD_ERROR,
        code=card.code,
        details=details,
    )
    world.change(
        intent,
        status="requires_payment_method",
        payment_method=None,
        latest_charge=failed["id"],
        last_payment_error=snapshot(error.envelope["error"]),
    )
    world.emit("charge.failed", failed)
    world.emit("payment_intent.payment_failed", intent)
    error.envelope["error"]["payment_intent"] = snapshot(intent)
    return error
