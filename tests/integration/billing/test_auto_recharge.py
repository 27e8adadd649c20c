"""Automatic recharge: at most one under way, the same payment each time, paused for people."""

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from billing.errors import StripeUnavailableError
from billing.handlers import HANDLERS
from billing.stripe_objects import Event, PaymentIntent
from ledger.database import transaction
from tests.support.books import Customer
from tests.support.recharge_world import (
    BELOW_MC,
    STARTER_CENTS,
    STARTER_MC,
    TOP_UP_URL,
    RechargeWorld,
)


async def told(world: RechargeWorld, customer: Customer) -> list[str]:
    rows = await world.books.rows(
        "select kind from notices where account_id = $1 order by created_at", customer.account_id
    )
    return [row["kind"] for row in rows]


async def with_address(world: RechargeWorld, customer: Customer) -> None:
    await world.books.execute(
        "update accounts set email = 'ada@example.com' where id = $1", customer.account_id
    )


async def test_a_balance_under_the_threshold_is_recharged_once(world: RechargeWorld) -> None:
    """Auto-recharge: one payment without the person; its credits are there at once."""
    customer = await world.customer(amount_mc=BELOW_MC - 1)
    assert await world.run() == 1
    assert await world.run() == 0
    [payment] = await world.payments(customer)
    assert (payment["amount"], payment["status"]) == (STARTER_CENTS, "succeeded")
    assert await world.purchases(customer) == [("paid", None)]
    assert await world.books.balance_mc(customer) == BELOW_MC - 1 + STARTER_MC
    await world.books.assert_at_rest(customer)


async def test_a_balance_at_the_threshold_is_not_recharged(world: RechargeWorld) -> None:
    """Auto-recharge: under the threshold, not at it; what is held is not available."""
    customer = await world.customer(amount_mc=BELOW_MC)
    assert await world.run() == 0
    await world.books.held(customer, 1)
    assert await world.run() == 1


async def test_many_who_see_the_same_low_balance_charge_once(world: RechargeWorld) -> None:
    """Done when 5: two calls cross the threshold at once on two workers: one recharge."""
    customer = await world.customer(amount_mc=BELOW_MC + 1)
    assert await world.run() == 0
    await asyncio.gather(*(world.books.held(customer, 1) for _ in range(2)))
    ran = await asyncio.gather(*(world.recharge.run_once() for _ in range(8)))
    assert sum(ran) >= 1
    assert len(await world.payments(customer)) == 1
    assert await world.purchases(customer) == [("paid", None)]


async def test_what_was_seen_before_a_recharge_does_not_begin_another(
    world: RechargeWorld,
) -> None:
    """Auto-recharge: who has seen the old balance and comes late charges nothing."""
    customer = await world.customer()
    [seen] = await world.recharge._needy()
    assert await world.run() == 1
    assert await world.recharge._store.begin(seen) is None
    assert len(await world.payments(customer)) == 1


async def test_who_dies_before_asking_stripe_is_followed(world: RechargeWorld) -> None:
    """Auto-recharge: a purchase that was begun is asked for by whoever comes next; once."""
    customer = await world.customer()
    [seen] = await world.recharge._needy()
    assert await world.recharge._store.begin(seen) is not None  # and it dies
    assert await world.purchases(customer) == [("created", None)]
    assert await world.run() == 1
    assert await world.purchases(customer) == [("paid", None)]
    assert len(await world.payments(customer)) == 1


async def test_an_answer_that_is_lost_is_asked_for_again_by_the_same_key(
    world: RechargeWorld,
) -> None:
    """Auto-recharge: network trouble: the same attempt again later, and one payment."""
    customer = await world.customer()
    await world.recharge.run_once()
    customer = await world.customer()
    await world.turn("api", lose_next=9)
    assert await world.run() == 1
    assert await world.purchases(customer) == [("created", None)]
    await world.turn("api")
    assert await world.run() == 0  # not before the pause is over
    await world.all_due()
    assert await world.run() == 1
    assert await world.purchases(customer) == [("paid", None)]
    assert len(await world.payments(customer)) == 1


async def test_a_key_that_stripe_has_forgotten_does_not_pay_twice(world: RechargeWorld) -> None:
    """Auto-recharge: an old attempt is looked up by its metadata before anything is charged."""
    customer = await world.customer()
    await world.run_unheard()
    await world.all_due(older_by="30")
    world.clock.ahead_s = 30 * 3600.0
    assert await world.run() == 1
    assert await world.purchases(customer) == [("paid", None)]
    assert len(await world.payments(customer)) == 1


async def test_an_old_attempt_that_stripe_never_had_is_dropped(world: RechargeWorld) -> None:
    """Auto-recharge: it makes room for a new one, if one is still needed."""
    customer = await world.customer()
    await world.recharge._setup.learn_cards()
    await world.turn("api", fail_next=9)
    assert await world.run() == 1
    await world.turn("api")
    await world.all_due(older_by="30")
    assert await world.run() == 2
    assert [status for status, _ in await world.purchases(customer)] == ["failed", "paid"]
    assert len(await world.payments(customer)) == 1


async def test_what_is_switched_off_meanwhile_is_not_charged(world: RechargeWorld) -> None:
    """Auto-recharge: nothing is asked for the first time once the customer has switched it off."""
    customer = await world.customer()
    [seen] = await world.recharge._needy()
    await world.recharge._store.begin(seen)
    await world.put(customer, enabled=False)
    await world.run()
    assert await world.payments(customer) == []
    assert [status for status, _ in await world.purchases(customer)] == ["failed"]


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ("pm_card_chargeCustomerFail", "declined"),
        ("pm_card_authenticationRequired", "confirm"),
        ("pm_card_chargeDeclinedInsufficientFunds", "funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired"),
    ],
)
async def test_a_card_that_does_not_pay_pauses_it(
    world: RechargeWorld, card: str, words: str
) -> None:
    """Auto-recharge: paused with a message and a link, told once, never retried in a loop."""
    customer = await world.customer(card)
    await with_address(world, customer)
    assert await world.run() == 1
    for _ in range(3):
        await world.all_due()
        assert await world.run() == 0
    assert len(await world.payments(customer)) == 1
    [(status, failure)] = await world.purchases(customer)
    recharge = (await world.settings.get(customer.account_id)).recharge
    assert (status, recharge.state) == ("failed", "paused")
    assert words in (recharge.reason or "")
    assert failure == recharge.reason
    assert recharge.action_url == TOP_UP_URL
    assert await told(world, customer) == ["auto_recharge_paused"]


async def test_a_paused_one_goes_on_when_the_customer_says_so(world: RechargeWorld) -> None:
    """Auto-recharge: enabling it again tries once more; a payment that fails pauses it again."""
    customer = await world.customer()
    await world.turn("off_session", outcome="declines")
    assert await world.run() == 1
    await world.put(customer)
    assert await world.run() == 1
    assert await world.run() == 0
    await world.turn("off_session")
    await world.put(customer)
    assert await world.run() == 1
    assert [status for status, _ in await world.purchases(customer)] == [
        "failed",
        "failed",
        "paid",
    ]


async def test_the_monthly_limit_is_not_passed(world: RechargeWorld) -> None:
    """Auto-recharge: at the limit nothing is charged; the reason is shown, and told once."""
    customer = await world.customer(limit_cents=2 * STARTER_CENTS + 1)
    await with_address(world, customer)
    for expected in (1, 1, 0, 0):
        available = (await world.books.working_copy.balance(customer.account_id)).available_mc
        if available:
            await world.books.post(customer.account_id, -available, tell=True)
        assert await world.run() == expected
    assert len(await world.payments(customer)) == 2
    recharge = (await world.settings.get(customer.account_id)).recharge
    assert recharge.state == "active"
    assert recharge.reason == "The limit of $19.99 for this month (UTC) is reached."
    assert await told(world, customer) == ["auto_recharge_limit_reached"]
    await world.books.execute(
        "update purchases set created_at = created_at - interval '32 days' where account_id = $1",
        customer.account_id,
    )
    assert await world.run() == 1
    assert (await world.settings.get(customer.account_id)).recharge.reason is None


async def test_the_event_of_a_recharge_credits_nothing_more(world: RechargeWorld) -> None:
    """G11: a payment is credited once, by its answer or by its event, whichever is first."""
    customer = await world.customer()
    assert await world.run() == 1
    [payment] = await world.payments(customer)
    intent = msgspec.convert(payment, PaymentIntent)
    for _ in range(3):
        async with transaction(world.books.pool) as connection:
            await world.takings.take_intent(connection, intent)
    assert await world.books.balance_mc(customer) == STARTER_MC


async def test_a_setup_page_saves_a_card(world: RechargeWorld) -> None:
    """Auto-recharge: one customer at Stripe for an account; the saved card is shown and used."""
    customer = await world.books.customer()
    url = await world.recharge.begin_setup(customer.account_id)
    again = await world.recharge.begin_setup(customer.account_id)
    assert url != again
    settings = await world.put(customer)
    assert settings.recharge.state == "paused"
    session_id = url.rpartition("/")[2]
    async with world.session.post(f"{world.url}/pretend/sessions/{session_id}/pay") as answer:
        assert answer.status == 200, await answer.text()
        session = await answer.json()
    assert session["client_reference_id"] == customer.account_id
    found = await world.ask("GET", "/pretend/events?type=setup_intent.succeeded")
    assert len(found["data"]) == 1
    await handle(world, msgspec.convert(found["data"][0]["event"], Event))
    assert await world.run() == 1
    settings = await world.settings.get(customer.account_id)
    assert (settings.card_brand, settings.card_last4) == ("visa", "4242")
    assert settings.recharge.state == "active"
    assert await world.purchases(customer) == [("paid", None)]
    assert len((await world.ask("GET", "/v1/customers"))["data"]) == 1


async def test_news_of_an_older_card_changes_nothing(world: RechargeWorld) -> None:
    """Auto-recharge: events in any order leave the newest card; a card that is gone pauses it."""
    customer = await world.customer()
    settings = await world.settings.get(customer.account_id)
    for created, card in (
        (datetime.now(UTC) + timedelta(seconds=9), "pm_new"),
        (datetime.now(UTC) - timedelta(days=1), "pm_old"),
    ):
        values = {
            "id": f"seti_{card}",
            "status": "succeeded",
            "customer": settings.customer_id,
            "payment_method": card,
            "metadata": {"tollgate_account_id": customer.account_id},
        }
        await handle(world, event_of("setup_intent.succeeded", values, created))
    settings = await world.settings.get(customer.account_id)
    assert settings.payment_method_id == "pm_new"
    await handle(world, event_of("payment_method.detached", {"id": "pm_new"}, datetime.now(UTC)))
    settings = await world.settings.get(customer.account_id)
    assert (settings.payment_method_id, settings.recharge.state) == (None, "paused")


async def test_a_setup_for_another_customer_of_stripe_is_not_taken(world: RechargeWorld) -> None:
    """G12: a card is of the account whose customer has saved it, whatever its metadata claim."""
    customer = await world.customer()
    values = {
        "id": "seti_other",
        "status": "succeeded",
        "customer": "cus_other",
        "payment_method": "pm_other",
        "metadata": {"tollgate_account_id": customer.account_id},
    }
    await handle(world, event_of("setup_intent.succeeded", values, datetime.now(UTC)))
    settings = await world.settings.get(customer.account_id)
    assert settings.payment_method_id != "pm_other"


async def test_a_setup_without_stripe_says_so(world: RechargeWorld) -> None:
    """Auto-recharge: Stripe away is an error to be tried again, and nothing is half done."""
    customer = await world.books.customer()
    await world.turn("api", fail_next=9)
    with pytest.raises(StripeUnavailableError):
        await world.recharge.begin_setup(customer.account_id)
    await world.turn("api")
    assert await world.recharge.begin_setup(customer.account_id)


async def handle(world: RechargeWorld, event: Event) -> None:
    async with transaction(world.books.pool) as connection:
        for handler in HANDLERS[event.type]:
            await handler(world.takings, connection, event)


def event_of(event_type: str, values: dict[str, object], created: datetime) -> Event:
    event = {
        "id": "evt_test",
        "type": event_type,
        "created": int(created.timestamp()),
        "data": {"object": values},
    }
    return msgspec.convert(event, Event)
