"""Test and live mode: what was begun in one ends by itself in the other, never paid twice."""

from datetime import UTC, datetime

import msgspec
import pytest

from billing.recharge_outcome import GIVEN_UP, MAY_BE_PAID, TEST_IS_OVER
from billing.settings import SavedCard, save_card
from billing.stripe_objects import PaymentIntent
from ledger.database import transaction
from tests.support.books import Customer
from tests.support.recharge_world import (
    TOP_UP_URL,
    RechargeWorld,
)


async def processing(world: RechargeWorld, *, is_live: bool | None) -> tuple[Customer, str]:
    """A recharge that a bank takes its time for, as far as we know; and its payment."""
    customer = await world.customer()
    await world.run_unheard()
    [payment] = await world.payments(customer)
    await world.books.execute(
        "update purchases set status = 'processing' where account_id = $1", customer.account_id
    )
    await name_payment(world, customer, payment["id"])
    await ask_again(world, customer, is_live=is_live)
    return customer, payment["id"]


async def ask_again(
    world: RechargeWorld, customer: Customer, *, is_live: bool | None, days: int = 0
) -> None:
    await world.books.execute(
        "update recharge_attempts set is_live = $2, next_attempt_at = now(),"
        " first_attempt_at = first_attempt_at - $3 * interval '1 day'"
        " where purchase_id in (select id from purchases where account_id = $1)",
        *(customer.account_id, is_live, days),
    )


async def name_payment(world: RechargeWorld, customer: Customer, payment_id: str) -> None:
    await world.books.execute(
        "update purchases set payment_intent_id = $2 where account_id = $1",
        *(customer.account_id, payment_id),
    )


def unknown_to_stripe(customer: Customer) -> str:
    return f"pi_{customer.account_id}"


async def payments_made(world: RechargeWorld) -> int:
    return len((await world.ask("GET", "/v1/payment_intents"))["data"])


async def recharge_of(world: RechargeWorld, customer: Customer) -> tuple[str, str | None]:
    recharge = (await world.settings.get(customer.account_id)).recharge
    return recharge.state, recharge.reason


async def test_a_test_recharge_ends_where_the_key_is_live(world: RechargeWorld) -> None:
    """Auto-recharge: nothing is charged by it, so it blocks nobody; the customer is told why."""
    customer, _ = await processing(world, is_live=False)
    await world.books.execute(
        "update accounts set email = 'ada@example.com' where id = $1", customer.account_id
    )
    world.api.is_live = True
    assert [await world.run() for _ in range(3)] == [1, 0, 0]
    assert await world.purchases(customer) == [("failed", TEST_IS_OVER)]
    assert await recharge_of(world, customer) == ("paused", TEST_IS_OVER)
    settings = await world.settings.get(customer.account_id)
    assert settings.recharge.action_url == TOP_UP_URL
    told = await world.books.rows(
        "select kind from notices where account_id = $1", customer.account_id
    )
    assert [row["kind"] for row in told] == ["auto_recharge_paused"]
    assert await payments_made(world) == 1


async def test_a_test_recharge_of_another_test_account_ends(world: RechargeWorld) -> None:
    """Auto-recharge: also where the pretend Stripe was the one that has it."""
    customer, _ = await processing(world, is_live=False)
    await name_payment(world, customer, unknown_to_stripe(customer))
    assert [await world.run() for _ in range(2)] == [1, 0]
    assert await world.purchases(customer) == [("failed", TEST_IS_OVER)]


async def test_who_has_saved_a_card_since_is_recharged_with_it(world: RechargeWorld) -> None:
    """Auto-recharge: the end of the test recharge does not stop what the customer has begun."""
    customer, _ = await processing(world, is_live=False)
    world.api.is_live = True
    made = await world.ask("POST", "/v1/customers", {"payment_method": "pm_card_visa"})
    [attached] = await world.events("payment_method.attached", made["id"])
    saved = SavedCard(
        customer_id=made["id"], payment_method_id=attached["id"], saved_at=datetime.now(UTC)
    )
    async with transaction(world.books.pool) as connection:
        await save_card(connection, customer.account_id, saved)
    assert await world.run() == 2
    assert [status for status, _ in await world.purchases(customer)] == ["failed", "paid"]
    assert await recharge_of(world, customer) == ("active", None)


@pytest.mark.parametrize("was_live", [True, None])
async def test_a_recharge_that_could_still_be_paid_stands_in_the_way(
    world: RechargeWorld, was_live: bool | None
) -> None:
    """Auto-recharge: never a second charge for one crossing; found again, it is credited."""
    customer, payment_id = await processing(world, is_live=was_live)
    world.api.is_live = True
    await name_payment(world, customer, unknown_to_stripe(customer))
    for _ in range(3):
        assert await world.run() == 1
        assert await world.run() == 0
        await ask_again(world, customer, is_live=was_live)
    assert await world.purchases(customer) == [("processing", None)]
    assert await recharge_of(world, customer) == ("active", MAY_BE_PAID)
    assert (await world.settings.get(customer.account_id)).recharge.action_url is None
    await name_payment(world, customer, payment_id)
    assert await world.run() == 1
    assert await world.purchases(customer) == [("paid", None)]
    assert await recharge_of(world, customer) == ("active", None)
    assert await payments_made(world) == 1


async def test_a_live_recharge_is_not_asked_for_with_a_test_key(world: RechargeWorld) -> None:
    """Auto-recharge: a key of the wrong mode, set for a while, neither ends nor repeats it."""
    customer, payment_id = await processing(world, is_live=True)
    await name_payment(world, customer, unknown_to_stripe(customer))
    assert await world.run() == 1
    assert await recharge_of(world, customer) == ("active", MAY_BE_PAID)
    await name_payment(world, customer, payment_id)
    world.api.is_live = True
    await ask_again(world, customer, is_live=True)
    assert await world.run() == 1
    assert await world.purchases(customer) == [("paid", None)]
    assert await payments_made(world) == 1


async def test_a_recharge_that_stays_unknown_is_given_up_and_is_credited_if_it_was_paid(
    world: RechargeWorld,
) -> None:
    """Auto-recharge: it blocks the account for a week at most; only the customer goes on then."""
    customer, payment_id = await processing(world, is_live=True)
    world.api.is_live = True
    await name_payment(world, customer, unknown_to_stripe(customer))
    await ask_again(world, customer, is_live=True, days=8)
    assert [await world.run() for _ in range(3)] == [1, 0, 0]
    assert await world.purchases(customer) == [("failed", GIVEN_UP)]
    assert await recharge_of(world, customer) == ("paused", GIVEN_UP)
    assert await payments_made(world) == 1
    await name_payment(world, customer, payment_id)
    [payment] = await world.payments(customer)
    async with transaction(world.books.pool) as connection:
        await world.takings.take_intent(connection, msgspec.convert(payment, PaymentIntent))
    assert await world.purchases(customer) == [("paid", None)]


async def test_the_mode_of_the_first_attempt_is_the_one_that_is_kept(world: RechargeWorld) -> None:
    """Auto-recharge: by it we know later whether the payment could cost anybody anything."""
    customer = await world.customer()
    await world.run_unheard()
    world.api.is_live = True
    await world.all_due()
    assert await world.run() == 1
    assert await world.purchases(customer) == [("failed", TEST_IS_OVER)]
    assert await payments_made(world) == 1
