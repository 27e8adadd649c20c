"""Every route of the API: its parameters and what it does."""

from collections.abc import Callable
from dataclasses import dataclass

from deploy.local.pretend_stripe import customers, payment_intents, refunds, sessions
from deploy.local.pretend_stripe.knobs import Knobs
from deploy.local.pretend_stripe.lists import list_of, page_of
from deploy.local.pretend_stripe.params import others
from deploy.local.pretend_stripe.params import payment_intents as intent_params
from deploy.local.pretend_stripe.params import sessions as session_params
from deploy.local.pretend_stripe.shapes import Group
from deploy.local.pretend_stripe.store import Json
from deploy.local.pretend_stripe.world import World

# The world, the id in the path (or nothing), and the parameters without `expand`.
Operation = Callable[[World, str, Json], Json]


@dataclass(frozen=True)
class Route:
    """`path` as aiohttp writes it; `kind` is that of the object, or of those in a list."""

    method: str
    path: str
    kind: str
    params: Group
    operation: Operation

    @property
    def is_list(self) -> bool:
        """Whether it answers a page of several."""
        return "limit" in self.params.fields


def routes(knobs: Knobs) -> list[Route]:
    """All routes under /v1."""
    return [*_sessions(), *_intents(knobs), *_customers(), *_after_payment()]


def _sessions() -> list[Route]:
    path = "/v1/checkout/sessions"
    kind = "checkout.session"

    def line_items(world: World, identifier: str, params: Json) -> Json:
        world.find(kind, identifier)
        url = f"{path}/{identifier}/line_items"
        return page_of(sessions.line_items_of(world, identifier), params, url)

    return [
        Route("POST", path, kind, session_params.CREATE, lambda w, _, p: sessions.create(w, p)),
        Route("GET", path, kind, session_params.LIST, _lister(kind, path)),
        Route("GET", f"{path}/{{id}}", kind, session_params.RETRIEVE, _finder(kind)),
        Route("POST", f"{path}/{{id}}/expire", kind, session_params.EXPIRE, sessions.expire),
        Route(
            "GET", f"{path}/{{id}}/line_items", "item", session_params.LIST_LINE_ITEMS, line_items
        ),
    ]


def _intents(knobs: Knobs) -> list[Route]:
    path = "/v1/payment_intents"
    kind = "payment_intent"

    def create(world: World, _: str, params: Json) -> Json:
        return payment_intents.create(world, params, knobs)

    return [
        Route("POST", path, kind, intent_params.CREATE, create),
        Route("GET", path, kind, intent_params.LIST, _lister(kind, path)),
        Route("GET", f"{path}/{{id}}", kind, intent_params.RETRIEVE, _finder(kind)),
        Route("POST", f"{path}/{{id}}/cancel", kind, intent_params.CANCEL, payment_intents.cancel),
    ]


def _customers() -> list[Route]:
    path = "/v1/customers"
    kind = "customer"
    methods, setups = "/v1/payment_methods/{id}", "/v1/setup_intents"
    return [
        Route("POST", path, kind, others.CREATE_CUSTOMER, lambda w, _, p: customers.create(w, p)),
        Route("GET", path, kind, others.LIST_CUSTOMERS, _lister(kind, path)),
        Route("GET", f"{path}/{{id}}", kind, others.RETRIEVE, _finder(kind)),
        Route("POST", f"{path}/{{id}}", kind, others.UPDATE_CUSTOMER, customers.update),
        Route("GET", methods, "payment_method", others.RETRIEVE, _finder("payment_method")),
        Route("POST", f"{methods}/detach", "payment_method", others.DETACH, customers.detach),
        Route(
            *("GET", setups, "setup_intent"),
            others.LIST_SETUP_INTENTS,
            _lister("setup_intent", setups),
        ),
        Route(
            *("GET", f"{setups}/{{id}}", "setup_intent"),
            others.RETRIEVE,
            _finder("setup_intent"),
        ),
    ]


def _after_payment() -> list[Route]:
    charges, refunding, disputing = "/v1/charges", "/v1/refunds", "/v1/disputes"
    return [
        Route("GET", charges, "charge", others.LIST_CHARGES, _lister("charge", charges)),
        Route("GET", f"{charges}/{{id}}", "charge", others.RETRIEVE, _finder("charge")),
        Route(
            "POST", refunding, "refund", others.CREATE_REFUND, lambda w, _, p: refunds.create(w, p)
        ),
        Route("GET", refunding, "refund", others.LIST_REFUNDS, _lister("refund", refunding)),
        Route("GET", f"{refunding}/{{id}}", "refund", others.RETRIEVE, _finder("refund")),
        Route("GET", disputing, "dispute", others.LIST_DISPUTES, _lister("dispute", disputing)),
        Route("GET", f"{disputing}/{{id}}", "dispute", others.RETRIEVE, _finder("dispute")),
    ]


def _finder(kind: str) -> Operation:
    return lambda world, identifier, _: world.find(kind, identifier)


def _lister(kind: str, url: str) -> Operation:
    return lambda world, _, params: list_of(world, kind, params, url)
