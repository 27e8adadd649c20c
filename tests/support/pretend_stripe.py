"""A pretend Stripe for tests: its server, the clients of it, and what receives its events."""

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import stripe
from aiohttp import web
from aiohttp.test_utils import TestServer

from deploy.local.pretend_stripe import Store, create_pretend_stripe
from tests.support.ports import OwnPort
from tests.support.waiting import PATIENCE_S

API_KEY = "sk_test_of_the_tests"
WEBHOOK_SECRET = "whsec_of_the_tests"
FIRST_RETRY_S = 0.02


@dataclasses.dataclass
class Clock:
    """The time of a pretend Stripe, which a test can set forward."""

    ahead_s: float = 0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


class Endpoint:
    """A webhook endpoint that verifies what it gets, and answers as it is told."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        # Statuses of the next answers; then 200.
        self.answers: list[int] = []
        self.refused = 0
        self._arrived = asyncio.Event()

    async def receive(self, request: web.Request) -> web.Response:
        """One delivery."""
        body = await request.read()
        header = request.headers["Stripe-Signature"]
        stripe.Webhook.construct_event(body.decode(), header, WEBHOOK_SECRET)
        status = self.answers.pop(0) if self.answers else 200
        if status == 200:
            self.events.append(await request.json())
        else:
            self.refused += 1
        self._arrived.set()
        return web.Response(status=status)

    @property
    def types(self) -> list[str]:
        """The types of what was accepted, in that order."""
        return [event["type"] for event in self.events]

    async def wait_for(self, *types: str) -> dict[str, Any]:
        """The last event of these types, when all of them are there."""
        async with asyncio.timeout(PATIENCE_S):
            while not set(types) <= set(self.types):
                await self._arrived.wait()
                self._arrived.clear()
        return next(event for event in self.events[::-1] if event["type"] in types)


class PretendStripe:
    """A running server, and its clients."""

    def __init__(
        self, url: str, client: stripe.StripeClient, session: aiohttp.ClientSession, clock: Clock
    ) -> None:
        self.url = url
        self.client = client
        self.session = session
        self.clock = clock

    async def do(self, path: str, **fields: object) -> dict[str, Any]:
        """POST to /pretend/…: what people and banks do. It must succeed."""
        return await self._control("POST", path, fields)

    async def turn(self, path: str, **knobs: object) -> dict[str, Any]:
        """PUT to /pretend/…: turn these knobs, and all others of the route back."""
        return await self._control("PUT", path, knobs)

    async def events(self, event_type: str = "") -> list[dict[str, Any]]:
        """All events of a type, and how their deliveries stand."""
        query = f"?type={event_type}" if event_type else ""
        found: list[dict[str, Any]] = (await self._control("GET", f"events{query}", None))["data"]
        return found

    async def _control(self, method: str, path: str, content: Any) -> dict[str, Any]:
        async with self.session.request(
            method, f"{self.url}/pretend/{path}", json=content
        ) as answer:
            assert answer.status == 200, await answer.text()
            found: dict[str, Any] = await answer.json()
            return found


@asynccontextmanager
async def endpoint() -> AsyncIterator[tuple[Endpoint, str]]:
    """A webhook endpoint and its URL."""
    receiver = Endpoint()
    app = web.Application()
    app.router.add_post("/webhooks/stripe", receiver.receive)
    async with TestServer(app) as server:
        yield receiver, str(server.make_url("/webhooks/stripe"))


@asynccontextmanager
async def pretend_stripe(
    *, webhook_url: str | None = None, state: Path | None = None
) -> AsyncIterator[PretendStripe]:
    """A pretend Stripe with the library's client for it."""
    port, clock = OwnPort(), Clock()
    url = port.url
    app = create_pretend_stripe(
        Store(state),
        api_key=API_KEY,
        webhook_secret=WEBHOOK_SECRET,
        webhook_url=webhook_url,
        base_url=url,
        first_retry_s=FIRST_RETRY_S,
        clock=clock,
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(port.server(app))
        http = stripe.AIOHTTPClient(timeout=PATIENCE_S)
        stack.push_async_callback(http.close_async)
        client = stripe.StripeClient(
            API_KEY, http_client=http, base_addresses={"api": url}, max_network_retries=0
        )
        headers = {"Authorization": f"Bearer {API_KEY}"}
        session = await stack.enter_async_context(aiohttp.ClientSession(headers=headers))
        yield PretendStripe(url, client, session, clock)
