"""A shop that sells through the pretend Stripe over the wire; nothing is delivered by itself."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from billing.checkout import Checkout
from billing.page_params import SalesTerms
from billing.return_links import ReturnLinks
from billing.returns import Returns
from billing.stripe_client import StripeApi
from billing.sync import BillingSync
from deploy.local.pretend_stripe.app import create_pretend_stripe
from deploy.local.pretend_stripe.store import Store
from tests.support.ports import OwnPort
from tests.support.sales import PACKAGES, Shop, open_shop
from tests.support.stripe_events import SECRET, Body

API_KEY = "sk_test_for_tests"
LINKS = ReturnLinks("https://credits.example.com", b"a secret of the server")


@dataclass
class Counter:
    """Where customers buy, and the pretend Stripe behind it."""

    shop: Shop
    api: StripeApi
    checkout: Checkout
    returns: Returns
    sync: BillingSync
    url: str
    session: aiohttp.ClientSession

    async def ask(self, method: str, path: str, **body: Any) -> Any:
        """Asks the pretend Stripe: its API as an operator, or /pretend/… for what people do."""
        async with self.session.request(method, f"{self.url}{path}", json=body or None) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def sessions(self) -> list[Body]:
        """All sessions that Stripe has."""
        return list((await self.ask("GET", "/v1/checkout/sessions"))["data"])

    async def pay(self, session_id: str) -> Body:
        """The customer pays with a good card."""
        paid: Body = await self.ask("POST", f"/pretend/sessions/{session_id}/pay")
        return paid

    async def deliver(self) -> int:
        """All events so far arrive, late; how many there were."""
        found = (await self.ask("GET", "/pretend/events"))["data"]
        for one in found:
            await self.shop.receive(one["event"])
        return len(found)


@asynccontextmanager
async def open_counter(
    database_url: str, redis_url: str, terms: SalesTerms | None = None
) -> AsyncIterator[Counter]:
    """All of it, on these engines; purchases that other tests have left are over."""
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(open_shop(database_url, redis_url))
        pool, working_copy = shop.books.pool, shop.books.working_copy
        await shop.books.execute("update purchases set status = 'failed' where status <> 'paid'")
        port = OwnPort()
        url = port.url
        app = create_pretend_stripe(
            Store(None), api_key=API_KEY, webhook_secret=SECRET, base_url=url
        )
        await stack.enter_async_context(port.server(app))
        headers = {"Authorization": f"Bearer {API_KEY}"}
        session = await stack.enter_async_context(aiohttp.ClientSession(headers=headers))
        api = StripeApi(API_KEY, api_base=url)
        stack.push_async_callback(api.close)
        yield Counter(
            shop=shop,
            api=api,
            checkout=Checkout(
                *(pool, api, shop.takings, working_copy, PACKAGES),
                links=LINKS,
                terms=terms or SalesTerms(),
                credits_per_usd=1000,
            ),
            returns=Returns(pool, api, shop.takings, working_copy, LINKS),
            sync=BillingSync(pool, api, shop.takings, shop.disputes, working_copy),
            url=url,
            session=session,
        )
