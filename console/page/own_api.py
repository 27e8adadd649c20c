"""The customers' API once more, for whoever is signed in: `/console/api/credits/…`."""

from collections.abc import Iterable

from aiohttp import web

from console.page.guard import CUSTOMERS, OPERATORS, Guard

_PREFIX = "/v1/credits/"
# Asks only, although it has a body.
_ESTIMATE = f"{_PREFIX}estimate"


def own_api(guard: Guard, routes: Iterable[web.RouteDef]) -> list[web.RouteDef]:
    """What only asks, of these routes of the API, below both bases of the page."""
    return [
        web.route(
            route.method,
            f"{base}/api/credits/{route.path.removeprefix(_PREFIX)}",
            guard.api(route.handler),
        )
        for route in routes
        if route.method == "GET" or route.path == _ESTIMATE
        for base in (CUSTOMERS, OPERATORS)
    ]
