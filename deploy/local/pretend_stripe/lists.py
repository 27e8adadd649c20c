"""Lists as Stripe pages them: the newest first, from an object on, within times."""

import operator
from collections.abc import Callable

from deploy.local.pretend_stripe.errors import exclusive, no_such
from deploy.local.pretend_stripe.store import Json
from deploy.local.pretend_stripe.world import NOUNS, World

_PAGE = 10
_PAGING = frozenset({"limit", "starting_after", "ending_before", "created", "expand"})
_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


def list_of(world: World, kind: str, params: Json, url: str) -> Json:
    """A page of the objects of a kind; parameters that are no paging are fields to be equal to.

    Raises:
        StripeError: the object to go on from is not there.
    """
    filters = {name: value for name, value in params.items() if name not in _PAGING}
    found = [
        one
        for one in reversed(world.store.all(kind))
        if all(one[name] == value for name, value in filters.items())
        and _is_within(one["created"], params.get("created", {}))
    ]
    found.sort(key=lambda one: one["created"], reverse=True)
    for name in ("starting_after", "ending_before"):
        if name in params and world.store.find(kind, params[name]) is None:
            raise no_such(NOUNS[kind], params[name], name)
    return page_of(found, params, url)


def page_of(found: list[Json], params: Json, url: str) -> Json:
    """A page of these objects, which are in the list's order.

    Raises:
        StripeError: the object to go on from is not among them.
    """
    limit = params.get("limit", _PAGE)
    if "starting_after" in params and "ending_before" in params:
        raise exclusive("starting_after", "ending_before")
    if "starting_after" in params:
        found = found[_place(found, params, "starting_after") + 1 :]
    has_more = len(found) > limit
    data = found[:limit]
    if "ending_before" in params:
        before = found[: _place(found, params, "ending_before")]
        has_more, data = len(before) > limit, before[-limit:]
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def _place(found: list[Json], params: Json, name: str) -> int:
    for place, one in enumerate(found):
        if one["id"] == params[name]:
            return place
    raise no_such("object in this list", params[name], name)


def _is_within(created: int, bounds: dict[str, int] | int) -> bool:
    if isinstance(bounds, int):
        return created == bounds
    return all(_COMPARISONS[name](created, bound) for name, bound in bounds.items())
