"""Operations of the API on customers and their saved payment methods."""

from deploy.local.pretend_stripe.errors import invalid
from deploy.local.pretend_stripe.objects.cards import CARDS, payment_method
from deploy.local.pretend_stripe.objects.customers import customer
from deploy.local.pretend_stripe.store import Json
from deploy.local.pretend_stripe.world import World

_PLAIN = ("description", "email", "name", "phone")


def create(world: World, params: Json) -> Json:
    """POST /v1/customers.

    Raises:
        StripeError: the payment method is none of the test cards.
    """
    token = params.get("payment_method")
    if token is not None and token not in CARDS:
        message = f"No such PaymentMethod: '{token}'"
        raise invalid(message, "payment_method", "resource_missing")
    made = world.add(customer(params, world.now))
    world.emit("customer.created", made)
    if token is not None:
        email = params.get("email")
        card = payment_method(CARDS[token], customer=made["id"], email=email, now=world.now)
        world.emit("payment_method.attached", world.add(card))
    return made


def update(world: World, identifier: str, params: Json) -> Json:
    """POST /v1/customers/{id}.

    Raises:
        StripeError: there is none, or the default payment method is not its own.
    """
    known = world.find("customer", identifier)
    changes: Json = {name: params[name] for name in _PLAIN if name in params}
    if "metadata" in params:
        changes["metadata"] = {**known["metadata"], **params["metadata"]}
    settings = params.get("invoice_settings", {})
    if "default_payment_method" in settings:
        chosen = settings["default_payment_method"] or None
        if chosen is not None:
            method = world.find("payment_method", chosen, "invoice_settings")
            if method["customer"] != identifier:
                raise invalid("That payment method is another customer's.", "invoice_settings")
        default = {**known["invoice_settings"], "default_payment_method": chosen}
        changes["invoice_settings"] = default
    previous = world.change(known, **changes)
    world.emit("customer.updated", known, previous)
    return known


def detach(world: World, identifier: str, _: Json) -> Json:
    """POST /v1/payment_methods/{id}/detach.

    Raises:
        StripeError: there is none, or it is nobody's.
    """
    method = world.find("payment_method", identifier)
    if method["customer"] is None:
        message = "The payment method you provided is not attached to a customer."
        raise invalid(message, code="payment_method_unexpected_state")
    previous = world.change(method, customer=None)
    world.emit("payment_method.detached", method, previous)
    return method
