"""Automatic recharge on real engines, against a pretend Stripe over the wire."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp

from billing.auto_recharge import AutoRecharge
from billing.crediting import Crediting
from billing.customer_settings import CustomerSettings, RechargeWish, SettingsWish
from billing.disputes import Disputes
from billing.outbox import Outbox
from billing.recharging import auto_recharge
from billing.settings import BillingSettings, SavedCard, save_card
from billing.stripe_client import StripeApi
from billing.takings import Takings
from config.packages import load_packages
from config.settings import DEFAULT_FOLDER, load_settings
from deploy.local.pretend_stripe.app import create_pretend_stripe
from deploy.local.pretend_stripe.store import Store
from ledger.database import transaction
from tests.support.books import Books, Customer
from tests.support.ports import OwnPort

API_KEY = "sk_test_for_tests"
TOP_UP_URL = "https://credits.example.com/console"
PACKAGES = load_packages(DEFAULT_FOLDER)
STARTER_CENTS = 999
STARTER_MC = 9_990_000
BELOW_MC = 1_000_000


@dataclass
class Clock:
    """The pretend Stripe's time, ahead of ours by `ahead_s`."""

    ahead_s: float = 0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@dataclass
class RechargeWorld:
    """Books, a pretend Stripe, and what recharges."""

    books: Books
    api: StripeApi
    url: str
    session: aiohttp.ClientSession
    clock: Clock
    settings: BillingSettings
    recharge: AutoRecharge
    takings: Takings

    async def customer(
        self,
        card: str = "pm_card_visa",
        *,
        amount_mc: int = 0,
        limit_cents: int = 100_000,
        package_id: str = "starter",
    ) -> Customer:
        """An account with a saved card, recharged below BELOW_MC."""
        customer = await self.books.customer(amount_mc)
        account_id = customer.account_id
        made = await self.ask("POST", "/v1/customers", {"payment_method": card})
        [attached] = await self.events("payment_method.attached", made["id"])
        saved = SavedCard(
            customer_id=made["id"],
            payment_method_id=attached["id"],
            saved_at=datetime.now(UTC),
        )
        async with transaction(self.books.pool) as connection:
            await save_card(connection, account_id, saved)
        await self.put(customer, limit_cents=limit_cents, package_id=package_id)
        return customer

    async def put(
        self,
        customer: Customer,
        *,
        enabled: bool = True,
        limit_cents: int = 100_000,
        package_id: str = "starter",
    ) -> CustomerSettings:
        """What the customer chooses."""
        wish = RechargeWish(
            enabled=enabled,
            below_mc=BELOW_MC,
            package_id=package_id,
            monthly_limit_cents=limit_cents,
        )
        return await self.settings.put(customer.account_id, SettingsWish(recharge=wish))

    async def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> Any:
        """Asks the API as an operator would."""
        async with self.session.request(method, f"{self.url}{path}", data=form) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def turn(self, what: str, **knobs: object) -> None:
        """Turns a knob of the pretend Stripe."""
        async with self.session.put(f"{self.url}/pretend/{what}", json=knobs) as answer:
            assert answer.status == 200, await answer.text()

    async def events(self, event_type: str, customer_id: str) -> list[Any]:
        """What an event type was about, of one customer."""
        found = await self.ask("GET", f"/pretend/events?type={event_type}")
        objects = [one["event"]["data"]["object"] for one in found["data"]]
        return [one for one in objects if one["customer"] == customer_id]

    async def payments(self, customer: Customer) -> list[Any]:
        """The payments that Stripe has of an account."""
        settings = await self.settings.get(customer.account_id)
        found = await self.ask("GET", f"/v1/payment_intents?customer={settings.customer_id}")
        return list(found["data"])

    async def purchases(self, customer: Customer) -> list[tuple[str, str | None]]:
        """Status and failure of an account's purchases, in order."""
        rows = await self.books.rows(
            "select status, failure from purchases where account_id = $1 order by created_at",
            customer.account_id,
        )
        return [(row["status"], row["failure"]) for row in rows]

    async def run(self) -> int:
        """Runs once, when Redis knows all that was posted."""
        await self.books.working_copy.apply_all_syncs()
        return await self.recharge.run_once()

    async def run_unheard(self) -> None:
        """Runs once for one customer; Stripe takes the payment, and none of its answers comes."""
        await self.recharge._setup.learn_cards()
        await self.turn("api", lose_next=9)
        assert await self.run() == 1
        await self.turn("api")

    async def all_due(self, *, older_by: str = "0") -> None:
        """Lets the pauses between attempts be over, and the attempts be older."""
        await self.books.execute(
            "update recharge_attempts set next_attempt_at = now(), "
            f"first_attempt_at = first_attempt_at - interval '{older_by} hours'"
        )


@asynccontextmanager
async def open_recharge_world(books: Books) -> AsyncIterator[RechargeWorld]:
    """All of it; what other tests have left is not recharged."""
    await books.execute("update billing_settings set recharge_state = 'off'")
    await books.execute("update purchases set status = 'failed' where status <> 'paid'")
    async with AsyncExitStack() as stack:
        clock = Clock()
        port = OwnPort()
        url = port.url
        app = create_pretend_stripe(
            Store(None), api_key=API_KEY, webhook_secret="whsec_tests", base_url=url, clock=clock
        )
        await stack.enter_async_context(port.server(app))
        headers = {"Authorization": f"Bearer {API_KEY}"}
        session = await stack.enter_async_context(aiohttp.ClientSession(headers=headers))
        api = StripeApi(API_KEY, api_base=url)
        stack.push_async_callback(api.close)
        settings = load_settings(DEFAULT_FOLDER, {"TOLLGATE_TOP_UP_URL": TOP_UP_URL})
        crediting = Crediting(expire_after_days=0, disputes=Disputes(refuse_calls=False))
        recharge = auto_recharge(
            settings,
            PACKAGES,
            api,
            pool=books.pool,
            working_copy=books.working_copy,
            takings=Takings(crediting),
            outbox=Outbox(sends_emails=True, sends_webhooks=False),
            console_url=TOP_UP_URL,
            top_up_url=TOP_UP_URL,
        )
        yield RechargeWorld(
            books=books,
            api=api,
            url=url,
            session=session,
            clock=clock,
            settings=BillingSettings(books.pool, PACKAGES, top_up_url=TOP_UP_URL),
            recharge=recharge,
            takings=Takings(crediting),
        )
