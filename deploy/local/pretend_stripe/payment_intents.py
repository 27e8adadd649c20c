"""Operations of the API on PaymentIntents: off-session payments with a saved card."""

from typing import Any

from deploy.local.pretend_stripe.errors import StripeError, exclusive, invalid, missing, no_such
from deploy.local.pretend_stripe.knobs import Knobs
from deploy.local.pretend_stripe.objects.cards import (
    AUTHENTICATION_REQUIRED,
    CARDS,
    SUCCEEDS,
    Card,
    card_of,
    payment_method,
)
from deploy.local.pretend_stripe.objects.payment_intents import payment_intent
from deploy.local.pretend_stripe.params.common import LEAST_AMOUNT_CENTS, MOST_AMOUNT_CENTS
from deploy.local.pretend_stripe.payments import book, refuse, succeed
from deploy.local.pretend_stripe.store import Json
from deploy.local.pretend_stripe.world import World

_DYNAMIC_TYPES = ["card", "link", "us_bank_account"]
_CANCELLABLE = (
    "requires_payment_method",
    "requires_confirmation",
    "requires_action",
    "requires_capture",
    "processing",
)


def create(world: World, params: Json, knobs: Knobs) -> Json:
    """POST /v1/payment_intents.

    Raises:
        StripeError: a parameter is wrong; or the card is refused, which is an answer of its own.
    """
    check_amount(params["amount"], params["currency"])
    _check_together(params)
    method = _method_of(world, params)
    types = params.get("allowed_payment_method_types", _DYNAMIC_TYPES)
    if method is not None and method["type"] not in types:
        message = f"The PaymentMethod provided ({method['type']}) is not allowed for this intent."
        raise invalid(message, "payment_method")
    if "allowed_payment_method_types" not in params:
        params = {"automatic_payment_methods": _AUTOMATIC, **params}
        params["automatic_payment_methods"] = _AUTOMATIC | params["automatic_payment_methods"]
    intent = world.add(payment_intent(params, amount=params["amount"], types=types, now=world.now))
    if method is not None:
        world.change(intent, status="requires_confirmation", payment_method=method["id"])
    world.emit("payment_intent.created", intent)
    if params.get("confirm"):
        _confirm(world, intent, method, params, knobs)
    return intent


def cancel(world: World, identifier: str, params: Json) -> Json:
    """POST /v1/payment_intents/{id}/cancel.

    Raises:
        StripeError: there is none, or it is too late.
    """
    intent = world.find("payment_intent", identifier)
    if intent["status"] not in _CANCELLABLE:
        raise _unexpected_state(intent, "canceled")
    world.change(
        intent,
        status="canceled",
        canceled_at=world.now,
        cancellation_reason=params.get("cancellation_reason"),
    )
    world.emit("payment_intent.canceled", intent)
    return intent


def check_amount(amount: int, currency: str) -> None:
    """Stripe's bounds.

    Raises:
        StripeError: `amount` cents are too little or too much.
    """
    if amount < 1:
        message = "This value must be greater than or equal to 1."
        raise invalid(message, "amount", "parameter_invalid_integer")
    if amount < LEAST_AMOUNT_CENTS:
        raise invalid(f"Amount must be at least $0.50 {currency}", "amount", "amount_too_small")
    if amount > MOST_AMOUNT_CENTS:
        message = f"Amount must be no more than $999,999.99 {currency}"
        raise invalid(message, "amount", "amount_too_large")


_AUTOMATIC: dict[str, Any] = {"allow_redirects": "always", "enabled": True}


def _check_together(params: Json) -> None:
    automatic = params.get("automatic_payment_methods")
    if not params.get("confirm"):
        for name in ("off_session", "error_on_requires_action", "return_url"):
            if name in params:
                message = f"`{name}` can only be used when `confirm` is true."
                raise invalid(message, name)
        return
    if "payment_method" not in params:
        message = (
            "You cannot confirm this PaymentIntent because it's missing a payment method. Update "
            "the PaymentIntent with a payment method and then confirm it again."
        )
        raise invalid(message, code="payment_intent_unexpected_state")
    if params.get("off_session") and "setup_future_usage" in params:
        raise exclusive("off_session", "setup_future_usage")
    if params.get("off_session") and "customer" not in params:
        raise missing("customer")
    may_redirect = (automatic or {}).get("allow_redirects", "always") == "always"
    if may_redirect and not {"allowed_payment_method_types", "return_url"} & set(params):
        message = (
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. "
            "Because some of these payment methods might redirect your customer off of your page, "
            "you must provide a `return_url`. If you don't want to accept redirect-based payment "
            "methods, set `automatic_payment_methods[enabled]` to `true` and "
            "`automatic_payment_methods[allow_redirects]` to `never`."
        )
        raise invalid(message, "return_url")


def _method_of(world: World, params: Json) -> Json | None:
    """The payment method that is named: a known one, or a new one of a test card."""
    customer = params.get("customer")
    if customer is not None:
        world.find("customer", customer, "customer")
    name = params.get("payment_method")
    if name is None:
        return None
    if name in CARDS:
        made = payment_method(CARDS[name], customer=customer, email=None, now=world.now)
        return world.add(made)
    method = world.store.find("payment_method", name)
    if method is None:
        raise no_such("PaymentMethod", name, "payment_method")
    if method["customer"] != customer:
        message = (
            f"The customer does not have a payment method with the ID {name}. The payment method "
            "must be attached to the customer."
        )
        raise invalid(message, "payment_method", "resource_missing")
    return method


def _confirm(world: World, intent: Json, method: Json | None, params: Json, knobs: Knobs) -> None:
    if method is None:
        raise missing("payment_method")
    is_off_session = params.get("off_session", False)
    card = knobs.card_for(intent["customer"]) if is_off_session else None
    card = card or card_of(method)
    if card.code == SUCCEEDS:
        book(world, succeed(world, intent, method))
    elif card.code == AUTHENTICATION_REQUIRED and not (
        is_off_session or params.get("error_on_requires_action")
    ):
        _ask(world, intent, params)
    else:
        raise refuse(world, intent, method, _without_decline_code(card, is_off_session))


def _without_decline_code(card: Card, is_off_session: bool) -> Card:  # noqa: FBT001 - one caller
    """On session, where that is an error, it is the intent that says so, not the bank."""
    if is_off_session or card.code != AUTHENTICATION_REQUIRED:
        return card
    return Card(card.last4, code=card.code, message=card.message)


def _ask(world: World, intent: Json, params: Json) -> None:
    url = f"{world.base_url}/authenticate/{intent['id']}"
    to = {"return_url": params.get("return_url"), "url": url}
    action = {"redirect_to_url": to, "type": "redirect_to_url"}
    world.change(intent, status="requires_action", next_action=action)
    world.emit("payment_intent.requires_action", intent)


def _unexpected_state(intent: Json, wanted: str) -> StripeError:
    message = (
        f"This PaymentIntent could not be {wanted} because it has a status of {intent['status']}."
    )
    return StripeError(
        message,
        code="payment_intent_unexpected_state",
        details={"payment_intent": dict(intent)},
    )
