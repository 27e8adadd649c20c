"""Disputes: opened, won and lost at /pretend/…, as a customer's bank does."""

from deploy.local.pretend_stripe.errors import invalid
from deploy.local.pretend_stripe.objects.after_payment import dispute
from deploy.local.pretend_stripe.objects.charges import dispute_transaction
from deploy.local.pretend_stripe.store import Json
from deploy.local.pretend_stripe.world import World

_CLOSED = ("won", "lost", "warning_closed")


def open_dispute(
    world: World, charge: Json, *, amount: int | None, reason: str, is_inquiry: bool
) -> Json:
    """A charge, or `amount` cents of it, is disputed; an inquiry takes no money yet.

    Raises:
        StripeError: it was not paid, or not so much.
    """
    if charge["status"] != "succeeded":
        raise invalid(f"Charge {charge['id']} was not paid.")
    amount = charge["amount"] if amount is None else amount
    if not 0 < amount <= charge["amount"]:
        raise invalid(f"The amount must be 1 to {charge['amount']} cents.", "amount")
    made = dispute(charge, amount=amount, reason=reason, is_inquiry=is_inquiry, now=world.now)
    world.add(made)
    world.change(charge, disputed=True)
    if not is_inquiry:
        _move(world, made, -amount)
    world.emit("charge.dispute.created", made)
    if not is_inquiry:
        world.emit("charge.dispute.funds_withdrawn", made)
    return made


def win(world: World, identifier: str) -> Json:
    """The merchant is right: what was withdrawn comes back.

    Raises:
        StripeError: there is none, or it is closed.
    """
    disputed = _still_open(world, identifier)
    was_withdrawn = bool(disputed["balance_transactions"])
    status = "won" if was_withdrawn else "warning_closed"
    if was_withdrawn:
        _move(world, disputed, disputed["amount"])
    previous = world.change(disputed, status=status)
    world.emit("charge.dispute.updated", disputed, previous)
    world.emit("charge.dispute.closed", disputed)
    if was_withdrawn:
        world.emit("charge.dispute.funds_reinstated", disputed)
    return disputed


def lose(world: World, identifier: str) -> Json:
    """The customer is right: what was withdrawn stays so.

    Raises:
        StripeError: there is none, or it is closed.
    """
    disputed = _still_open(world, identifier)
    withdraws_now = not disputed["balance_transactions"]
    if withdraws_now:
        _move(world, disputed, -disputed["amount"])
    previous = world.change(disputed, status="lost")
    if withdraws_now:
        world.emit("charge.dispute.funds_withdrawn", disputed)
    world.emit("charge.dispute.updated", disputed, previous)
    world.emit("charge.dispute.closed", disputed)
    return disputed


def _still_open(world: World, identifier: str) -> Json:
    found = world.find("dispute", identifier)
    if found["status"] in _CLOSED:
        raise invalid(f"Dispute {identifier} is {found['status']}.")
    return found


def _move(world: World, disputed: Json, amount: int) -> None:
    transaction = world.add(dispute_transaction(disputed, amount=amount, now=world.now))
    moved = [*disputed["balance_transactions"], transaction]
    world.change(disputed, balance_transactions=moved, is_charge_refundable=False)
