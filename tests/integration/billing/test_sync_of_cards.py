"""`billing sync`: a card that was saved and never told of is found."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from billing.disputes import Disputes
from billing.handlers import HANDLERS
from billing.stripe_objects import Event
from billing.sync import BillingSync
from ledger.database import transaction
from tests.support.books import Books, Customer
from tests.support.recharge_world import RechargeWorld, open_recharge_world


@pytest.fixture
async def world(books: Books) -> AsyncIterator[RechargeWorld]:
    async with open_recharge_world(books) as opened:
        await books.execute("update billing_sync set synced_until = now()")
        yield opened


def sync(world: RechargeWorld) -> BillingSync:
    books, disputes = world.books, Disputes(refuse_calls=False)
    return BillingSync(books.pool, world.api, world.takings, disputes, books.working_copy)


async def saved(world: RechargeWorld, customer: Customer, card: str = "pm_card_visa") -> str:
    """The customer saves a card on Stripe's page; its id. Nobody is told."""
    url = await world.recharge.begin_setup(customer.account_id)
    pay = f"{world.url}/pretend/sessions/{url.rpartition('/')[2]}/pay"
    async with world.session.post(pay, json={"card": card}) as answer:
        assert answer.status == 200, await answer.text()
        session = await answer.json()
    intent = await world.ask("GET", f"/v1/setup_intents/{session['setup_intent']}")
    return str(intent["payment_method"])


async def deliver(world: RechargeWorld, event_type: str) -> int:
    """All events of a type arrive, late; how many there were."""
    found: list[Any] = (await world.ask("GET", f"/pretend/events?type={event_type}"))["data"]
    for one in found:
        event = msgspec.convert(one["event"], Event)
        async with transaction(world.books.pool) as connection:
            for handle in HANDLERS[event.type]:
                await handle(world.takings, connection, event)
    return len(found)


async def card_of(world: RechargeWorld, customer: Customer) -> str | None:
    return (await world.settings.get(customer.account_id)).payment_method_id


async def test_a_card_without_its_event_is_found_and_the_late_one_changes_nothing(
    world: RechargeWorld,
) -> None:
    """Auto-recharge: what waited for a card goes on with it, and is paid with it once."""
    customer = await world.books.customer()
    await world.put(customer)
    card = await saved(world, customer)
    assert (await sync(world).run()).cards == 1
    settings = await world.settings.get(customer.account_id)
    assert (settings.payment_method_id, settings.recharge.state) == (card, "active")
    assert await deliver(world, "setup_intent.succeeded") == 1
    assert await card_of(world, customer) == card
    assert await world.run() == 1
    assert await world.purchases(customer) == [("paid", None)]


async def test_the_newest_card_stays_whoever_tells_of_it(world: RechargeWorld) -> None:
    """Auto-recharge: an older card that is found after it changes nothing."""
    customer = await world.books.customer()
    await saved(world, customer)
    world.clock.ahead_s = 5
    newest = await saved(world, customer, "pm_card_mastercard")
    for _ in range(2):
        assert (await sync(world).run()).cards == 2
        assert await card_of(world, customer) == newest
    assert await deliver(world, "setup_intent.succeeded") == 2
    assert await card_of(world, customer) == newest


async def test_a_card_that_is_gone_is_not_found_again(world: RechargeWorld) -> None:
    """Auto-recharge: nobody is charged by a card that they have taken away."""
    customer = await world.books.customer()
    card = await saved(world, customer)
    await world.ask("POST", f"/v1/payment_methods/{card}/detach")
    await sync(world).run()
    assert await card_of(world, customer) is None


async def test_a_card_of_another_customer_of_stripe_is_not_taken(world: RechargeWorld) -> None:
    """G12: whatever its metadata claim."""
    customer = await world.books.customer()
    await saved(world, customer)
    await world.books.execute(
        "update billing_settings set stripe_customer_id = $2 where account_id = $1",
        *(customer.account_id, f"cus_other_{customer.account_id}"),
    )
    await sync(world).run()
    assert await card_of(world, customer) is None
