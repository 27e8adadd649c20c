"""Refunds: made by the API or at /pretend/…, and failing later if asked to."""

from deploy.local.pretend_stripe.errors import exclusive, invalid, missing
from deploy.local.pretend_stripe.objects.after_payment import refund
from deploy.local.pretend_stripe.objects.charges import refund_transaction
from deploy.local.pretend_stripe.store import Json
from deploy.local.pretend_stripe.world import World

_DISPUTE_OF_NO_MATTER = ("won", "warning_closed")


def create(world: World, params: Json) -> Json:
    """POST /v1/refunds.

    Raises:
        StripeError: there is no such payment, or not so much of it is left.
    """
    charge = _charge_of(world, params)
    left = charge["amount"] - charge["amount_refunded"]
    if charge["refunded"]:
        message = f"Charge {charge['id']} has already been refunded."
        raise invalid(message, code="charge_already_refunded")
    if _is_charged_back(world, charge["id"]):
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise invalid(message, code="charge_disputed")
    amount = params.get("amount", left)
    if amount < 1:
        message = "This value must be greater than or equal to 1."
        raise invalid(message, "amount", "parameter_invalid_integer")
    if amount > left:
        message = (
            f"Refund amount (${_dollars(amount)}) is greater than unrefunded amount on charge "
            f"(${_dollars(left)})"
        )
        raise invalid(message, "amount")
    return _refund(world, charge, amount, params)


def fail(world: World, identifier: str) -> Json:
    """The bank sends a refund back, some time after it had succeeded.

    Raises:
        StripeError: there is none, or it has failed already.
    """
    failing = world.find("refund", identifier)
    if failing["status"] != "succeeded":
        raise invalid(f"Refund {identifier} is {failing['status']}.")
    charge = world.find("charge", failing["charge"])
    transaction = refund_transaction(failing, amount=failing["amount"], now=world.now)
    world.add(transaction)
    world.change(
        failing,
        status="failed",
        failure_reason="lost_or_stolen_card",
        failure_balance_transaction=transaction["id"],
    )
    refunded = charge["amount_refunded"] - failing["amount"]
    previous = world.change(charge, amount_refunded=refunded, refunded=False)
    world.emit("refund.updated", failing, {"status": "succeeded"})
    world.emit("refund.failed", failing)
    world.emit("charge.refund.updated", failing, {"status": "succeeded"})
    world.emit("charge.updated", charge, previous)
    return failing


def _charge_of(world: World, params: Json) -> Json:
    if "charge" in params and "payment_intent" in params:
        raise exclusive("charge", "payment_intent")
    if "charge" in params:
        charge = world.find("charge", params["charge"], "charge")
    elif "payment_intent" in params:
        intent = world.find("payment_intent", params["payment_intent"], "payment_intent")
        if intent["latest_charge"] is None:
            message = f"This PaymentIntent ({intent['id']}) does not have a successful charge."
            raise invalid(message, "payment_intent", "payment_intent_unexpected_state")
        charge = world.find("charge", intent["latest_charge"])
    else:
        raise missing("payment_intent")
    if charge["status"] != "succeeded":
        message = f"Charge {charge['id']} is {charge['status']}; it cannot be refunded."
        raise invalid(message, code="charge_not_refundable")
    return charge


def _is_charged_back(world: World, charge_id: str) -> bool:
    return any(
        dispute["charge"] == charge_id
        and not dispute["is_charge_refundable"]
        and dispute["status"] not in _DISPUTE_OF_NO_MATTER
        for dispute in world.store.all("dispute")
    )


def _refund(world: World, charge: Json, amount: int, params: Json) -> Json:
    made = refund(
        charge,
        amount=amount,
        reason=params.get("reason"),
        metadata=params.get("metadata", {}),
        now=world.now,
    )
    transaction = world.add(refund_transaction(made, amount=-amount, now=world.now))
    made["balance_transaction"] = transaction["id"]
    world.add(made)
    refunded = charge["amount_refunded"] + amount
    previous = world.change(charge, amount_refunded=refunded, refunded=refunded == charge["amount"])
    world.emit("refund.created", made)
    world.emit("charge.refunded", charge, previous)
    world.emit("refund.updated", made, {"destination_details": None})
    return made


def _dollars(amount_cents: int) -> str:
    return f"{amount_cents // 100:,}.{amount_cents % 100:02d}"
