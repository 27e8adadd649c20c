"""The pretend Stripe's web application."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from aiohttp import web
from aiohttp.typedefs import Handler

from deploy.local.pretend_stripe.api import Api
from deploy.local.pretend_stripe.changes import Changes
from deploy.local.pretend_stripe.checkout import Checkout
from deploy.local.pretend_stripe.control import Control
from deploy.local.pretend_stripe.knobs import Knobs
from deploy.local.pretend_stripe.pages import Pages
from deploy.local.pretend_stripe.routes import Route, routes
from deploy.local.pretend_stripe.sessions import expire_overdue
from deploy.local.pretend_stripe.store import Store
from deploy.local.pretend_stripe.webhooks import Webhooks
from deploy.local.pretend_stripe.world import World

_TICK_S = 0.25
_FIRST_RETRY_S = 1.0


def create_pretend_stripe(
    store: Store,
    *,
    api_key: str,
    webhook_secret: str,
    base_url: str,
    webhook_url: str | None = None,
    first_retry_s: float = _FIRST_RETRY_S,
    clock: Callable[[], float] = time.time,
) -> web.Application:
    """The application. `base_url` is where its own pages are reached; without `webhook_url`
    events are kept and not delivered. The store is closed with it."""
    world = World(store, base_url, clock)
    knobs = Knobs()
    webhooks = Webhooks(
        world,
        url=webhook_url,
        secret=webhook_secret,
        knobs=knobs,
        first_retry_s=first_retry_s,
    )
    changes = Changes(world, webhooks)
    checkout = Checkout(world, knobs)
    api = Api(world, changes, knobs, api_key)
    app = web.Application(middlewares=[api.speak_envelopes])
    for route in routes(knobs):
        app.router.add_route(route.method, route.path, _handler(api, route))
    app.add_routes(Control(world, changes, checkout, webhooks, knobs).routes())
    app.add_routes(Pages(world, changes, checkout).routes())

    async def living(_: web.Application) -> AsyncIterator[None]:
        await webhooks.open()
        ticking = asyncio.create_task(_tick(changes, checkout, world))
        yield
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking
        await webhooks.close()
        store.close()

    app.cleanup_ctx.append(living)
    return app


def _handler(api: Api, route: Route) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await api.handle(request, route)

    return handle


async def _tick(changes: Changes, checkout: Checkout, world: World) -> None:
    """What happens by itself: sessions expire, banks answer."""
    while True:
        await asyncio.sleep(_TICK_S)
        with changes.one():
            expire_overdue(world)
            checkout.settle_due()
