"""The side of billing for tests: purchases, events and ledger on real engines, without HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from billing import purchase_store
from billing.crediting import Crediting
from billing.disputes import Disputes
from billing.events import Received, StripeEvents
from billing.purchase_store import NewPurchase
from billing.purchases import Purchase, Purchases
from billing.takings import Takings
from config.packages import load_packages
from config.settings import DEFAULT_FOLDER
from ledger.database import transaction
from tests.support.books import Books, Customer, open_books
from tests.support.stripe_events import SECRET, Body, Payment, encoded, event_of, signed
from tests.support.waiting import until_answered

PACKAGES = load_packages(DEFAULT_FOLDER)


@dataclass
class Shop:
    """All that takes what Stripe says, on these books."""

    books: Books
    takings: Takings
    disputes: Disputes
    events: StripeEvents
    purchases: Purchases

    async def sell(
        self,
        package_id: str = "starter",
        *,
        customer: Customer | None = None,
        is_price_exact: bool = True,
        **changes: Any,
    ) -> tuple[Customer, Payment]:
        """A purchase that waits for its payment, and the payment at Stripe."""
        customer = customer or await self.books.customer()
        wanted = NewPurchase(
            account_id=customer.account_id,
            kind="checkout",
            package=PACKAGES[package_id],
            credits_per_usd=1000,
            is_price_exact=is_price_exact,
        )
        async with transaction(self.books.pool) as connection:
            purchase = await purchase_store.insert_purchase(connection, wanted)
        price_cents = PACKAGES[package_id].price_cents
        return customer, Payment(purchase.purchase_id, customer.account_id, price_cents, **changes)

    async def hear(self, event_type: str, thing: Body) -> Received:
        """An event arrives."""
        return await self.receive(event_of(event_type, thing))

    async def receive(self, event: Body) -> Received:
        """An event arrives, signed."""
        body = encoded(event)
        return await self.events.receive(body, signed(body))

    async def purchase(self, payment: Payment) -> Purchase:
        """The purchase as it stands."""
        return await self.purchases.get(payment.purchase_id)

    async def entries(self, customer: Customer) -> list[tuple[str, int, str]]:
        """Type, amount and counter account of each entry, in order."""
        rows = await self.books.rows(
            "select entry_type, amount_mc, counter_account from ledger_entries"
            " where account_id = $1 order by sequence",
            customer.account_id,
        )
        return [tuple(row) for row in rows]

    async def several_wait(self, count: int) -> None:
        """Returns once so many transactions wait for a lock."""

        async def they_do() -> bool:
            waiting: int = await self.books.value(
                "select count(*) from pg_stat_activity"
                " where datname = current_database() and wait_event_type = 'Lock'"
            )
            return waiting == count

        await until_answered(they_do, f"{count} that wait for a lock")


@asynccontextmanager
async def open_shop(
    database_url: str,
    redis_url: str,
    *,
    refuse_calls: bool = False,
    expire_after_days: int = 0,
    secret: str | None = SECRET,
    is_live: bool | None = False,
) -> AsyncIterator[Shop]:
    """A shop on these engines, as one worker has it."""
    async with open_books(database_url, redis_url) as books:
        disputes = Disputes(refuse_calls=refuse_calls)
        crediting = Crediting(expire_after_days=expire_after_days, disputes=disputes)
        takings = Takings(crediting)
        events = StripeEvents(
            books.pool, takings, books.working_copy, secret=secret, is_live=is_live
        )
        yield Shop(books, takings, disputes, events, Purchases(books.pool))
