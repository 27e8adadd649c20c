"""Operations of the API on Checkout Sessions."""

from deploy.local.pretend_stripe.errors import exclusive, invalid, missing
from deploy.local.pretend_stripe.objects.sessions import (
    checkout_session,
    line_item,
    total_details,
)
from deploy.local.pretend_stripe.params.common import LEAST_AMOUNT_CENTS, MOST_AMOUNT_CENTS
from deploy.local.pretend_stripe.store import Json
from deploy.local.pretend_stripe.world import World

LINE_ITEMS = "pretend.line_items"
# What is said when a session is made, and needed when it is paid.
PARAMS = "pretend.session_params"
SHORTEST_LIFE_S = 30 * 60
LONGEST_LIFE_S = 24 * 3600
_TOLERANCE_S = 60

_ONLY_IN_PAYMENT_MODE = (
    "adaptive_pricing",
    "allow_promotion_codes",
    "automatic_tax",
    "customer_update",
    "discounts",
    "invoice_creation",
    "line_items",
    "payment_intent_data",
    "saved_payment_method_options",
    "submit_type",
    "tax_id_collection",
)
_EXCLUSIVE = (
    ("customer", "customer_email"),
    ("customer", "customer_creation"),
    ("allow_promotion_codes", "discounts"),
)


def create(world: World, params: Json) -> Json:
    """POST /v1/checkout/sessions.

    Raises:
        StripeError: parameters are wrong, each by itself or together.
    """
    _check_together(params)
    _check_life(params, world.now)
    if "customer" in params:
        world.find("customer", params["customer"], "customer")
    types = params.get("allowed_payment_method_types", ["card", "us_bank_account"])
    session = checkout_session(params, types=types, base_url=world.base_url, now=world.now)
    if params["mode"] == "payment":
        _price(world, session, params)
    world.store.put(PARAMS, session["id"], params)
    return world.add(session)


def expire(world: World, identifier: str, _: Json) -> Json:
    """POST /v1/checkout/sessions/{id}/expire.

    Raises:
        StripeError: there is none, or it is not open.
    """
    session = world.find("checkout.session", identifier)
    if session["status"] != "open":
        message = (
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout '
            f"Session has a status of `{session['status']}`."
        )
        raise invalid(message)
    world.change(session, status="expired", url=None)
    world.emit("checkout.session.expired", session)
    return session


def expire_overdue(world: World) -> None:
    """Expire what is open beyond its time."""
    for session in world.store.all("checkout.session"):
        if session["status"] == "open" and session["expires_at"] <= world.now:
            expire(world, session["id"], {})


def line_items_of(world: World, session_id: str) -> list[Json]:
    """What a session sells."""
    found = world.store.find(LINE_ITEMS, session_id)
    return found["data"] if found else []


def _check_together(params: Json) -> None:
    if params.get("mode") is None:
        raise missing("mode")
    if params["mode"] == "subscription":
        raise invalid("The pretend Stripe has no subscriptions.", "mode")
    if "success_url" not in params:
        raise missing("success_url")
    for first, second in _EXCLUSIVE:
        if first in params and second in params:
            raise exclusive(first, second)
    if "customer_update" in params and "customer" not in params:
        raise invalid("`customer_update` can only be used with `customer`.", "customer_update")
    if "discounts" in params:
        raise invalid("No such coupon: the pretend Stripe keeps none.", "discounts")
    mode = params["mode"]
    if mode == "payment":
        _check_payment(params)
    else:
        _check_setup(params)


def _check_payment(params: Json) -> None:
    if not params.get("line_items"):
        raise missing("line_items")
    if "setup_intent_data" in params:
        message = "You can not pass `setup_intent_data` in `payment` mode."
        raise invalid(message, "setup_intent_data")


def _check_setup(params: Json) -> None:
    for name in _ONLY_IN_PAYMENT_MODE:
        if name in params:
            raise invalid(f"You can not pass `{name}` in `setup` mode.", name)
    if "currency" not in params and "allowed_payment_method_types" not in params:
        raise missing("currency")


def _check_life(params: Json, now: int) -> None:
    if "expires_at" not in params:
        return
    life_s = params["expires_at"] - now
    if life_s < SHORTEST_LIFE_S - _TOLERANCE_S:
        message = (
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
        )
        raise invalid(message, "expires_at")
    if life_s > LONGEST_LIFE_S + _TOLERANCE_S:
        message = (
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation."
        )
        raise invalid(message, "expires_at")


def _price(world: World, session: Json, params: Json) -> None:
    items = [
        line_item(said, unit_amount=_unit_amount(said, number), now=world.now)
        for number, said in enumerate(params["line_items"])
    ]
    currencies = {item["currency"] for item in items}
    if len(currencies) > 1 or params.get("currency", items[0]["currency"]) not in currencies:
        raise invalid("All line items must have the same currency.", "line_items")
    total = sum(item["amount_total"] for item in items)
    if total < LEAST_AMOUNT_CENTS:
        message = "The Checkout Session's total amount must convert to at least 50 cents."
        raise invalid(message, code="amount_too_small")
    if total > MOST_AMOUNT_CENTS:
        message = "The Checkout Session's total amount must be no more than $999,999.99."
        raise invalid(message, code="amount_too_large")
    session |= {
        "amount_subtotal": total,
        "amount_total": total,
        "currency": items[0]["currency"],
        "total_details": total_details(discount=0, tax=0),
    }
    world.store.put(LINE_ITEMS, session["id"], {"data": items})


def _unit_amount(said: Json, number: int) -> int:
    name = f"line_items[{number}]"
    if "price" in said:
        message = f"No such price: '{said['price']}'"
        raise invalid(message, f"{name}[price]", "resource_missing")
    if "price_data" not in said:
        raise missing(f"{name}[price_data]")
    if "quantity" not in said:
        raise missing(f"{name}[quantity]")
    given = said["price_data"]
    if "product_data" not in given:
        raise missing(f"{name}[price_data][product_data]")
    if ("unit_amount" in given) == ("unit_amount_decimal" in given):
        if "unit_amount" in given:
            raise exclusive(
                f"{name}[price_data][unit_amount]", f"{name}[price_data][unit_amount_decimal]"
            )
        raise missing(f"{name}[price_data][unit_amount]")
    if "unit_amount" in given:
        amount: int = given["unit_amount"]
        return amount
    whole, _, part = given["unit_amount_decimal"].partition(".")
    if part.strip("0"):
        message = "The pretend Stripe takes whole cents only."
        raise invalid(message, f"{name}[price_data][unit_amount_decimal]")
    return int(whole)
