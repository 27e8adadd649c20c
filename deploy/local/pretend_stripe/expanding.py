"""Puts objects in the place of their ids, where a request asks for it by `expand[]`."""

from deploy.local.pretend_stripe.errors import StripeError, invalid
from deploy.local.pretend_stripe.lists import page_of
from deploy.local.pretend_stripe.sessions import line_items_of
from deploy.local.pretend_stripe.store import Json, snapshot
from deploy.local.pretend_stripe.world import World

_DEEPEST = 4
_LIST = "list"
# What can be expanded in an object of a kind, and of which kind that is.
_EXPANDABLE = {
    "checkout.session": {
        "customer": "customer",
        "line_items": _LIST,
        "payment_intent": "payment_intent",
        "setup_intent": "setup_intent",
    },
    "payment_intent": {
        "customer": "customer",
        "latest_charge": "charge",
        "payment_method": "payment_method",
    },
    "charge": {
        "balance_transaction": "balance_transaction",
        "customer": "customer",
        "payment_intent": "payment_intent",
        "refunds": _LIST,
    },
    "refund": {
        "balance_transaction": "balance_transaction",
        "charge": "charge",
        "payment_intent": "payment_intent",
        "payment_method": "payment_method",
    },
    "dispute": {"charge": "charge", "payment_intent": "payment_intent"},
    "setup_intent": {"customer": "customer", "payment_method": "payment_method"},
    "payment_method": {"customer": "customer"},
}


def check_paths(kind: str, paths: list[str], *, in_list: bool) -> None:
    """Whether these paths can be expanded in an object of a kind, or in a list of them.

    Raises:
        StripeError: one names what cannot be expanded, or goes too deep.
    """
    for path in paths:
        parts = _parts(path, in_list=in_list)
        if len(parts) > _DEEPEST:
            raise invalid(f"You cannot expand more than {_DEEPEST} levels ({path}).", "expand")
        at = kind
        for part in parts:
            if part not in _EXPANDABLE.get(at, {}):
                raise _cannot(path)
            at = _EXPANDABLE[at][part]


def expanded(world: World, answer: Json, paths: list[str]) -> Json:
    """A copy of an answer with what these paths, which were checked, name."""
    answer = snapshot(answer)
    in_list = answer["object"] == _LIST
    for path in paths:
        for one in answer["data"] if in_list else [answer]:
            _expand(world, one, _parts(path, in_list=in_list))
    return answer


def _parts(path: str, *, in_list: bool) -> list[str]:
    first, *rest = path.split(".")
    if not in_list:
        return [first, *rest]
    if first != "data" or not rest:
        raise _cannot(path, f" You may want to try expanding 'data.{path}'.")
    return rest


def _expand(world: World, one: Json, parts: list[str]) -> None:
    name, *rest = parts
    kind = _EXPANDABLE[one["object"]][name]
    if kind == _LIST:
        one[name] = _line_items(world, one) if name == "line_items" else _refunds(world, one)
        return
    if isinstance(one[name], str):
        one[name] = snapshot(world.find(kind, one[name]))
    if rest and isinstance(one[name], dict):
        _expand(world, one[name], rest)


def _line_items(world: World, session: Json) -> Json:
    url = f"/v1/checkout/sessions/{session['id']}/line_items"
    return snapshot(page_of(line_items_of(world, session["id"]), {}, url))


def _refunds(world: World, charge: Json) -> Json:
    mine = [one for one in world.store.all("refund") if one["charge"] == charge["id"]]
    return snapshot(page_of(mine[::-1], {}, f"/v1/charges/{charge['id']}/refunds"))


def _cannot(path: str, advice: str = "") -> StripeError:
    return invalid(f"This property cannot be expanded ({path}).{advice}", "expand")
