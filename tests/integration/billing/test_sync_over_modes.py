"""`billing sync` where operators switch between test and live mode."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from billing.errors import StripeRefusedError
from billing.sync import TEST_IS_OVER
from tests.support.pretend_sales import Counter, open_counter


@pytest.fixture
async def counter(database_url: str, redis_url: str) -> AsyncIterator[Counter]:
    async with open_counter(database_url, redis_url) as opened:
        yield opened


async def rename_session(counter: Counter, purchase_id: str, session_id: str) -> None:
    await counter.shop.books.execute(
        "update purchases set checkout_session_id = $2 where id = $1", purchase_id, session_id
    )


async def synced(counter: Counter, *, is_live: bool) -> datetime | None:
    found: datetime | None = await counter.shop.books.value(
        "select synced_until from billing_sync where is_live = $1", is_live
    )
    return found


async def test_a_test_page_that_stripe_does_not_know_is_over(counter: Counter) -> None:
    """Nobody can pay there; the customer's key makes a page that works, and sync is quiet."""
    customer = await counter.shop.books.customer()
    page = await counter.checkout.begin(customer.account_id, "starter", "my-key")
    await rename_session(counter, page.purchase_id, "cs_test_of_another_account")
    await counter.sync.run()
    purchase = await counter.shop.purchases.get(page.purchase_id)
    assert (purchase.status, purchase.failure) == ("failed", TEST_IS_OVER)
    again = await counter.checkout.begin(customer.account_id, "starter", "my-key")
    assert again.purchase_id != page.purchase_id
    await counter.pay(again.checkout_id)
    await counter.sync.run()
    assert await counter.shop.books.balance_mc(customer) == 9_990_000


async def test_a_live_page_that_a_test_key_does_not_see_can_still_be_paid(counter: Counter) -> None:
    """G11: a key of the wrong mode, set for a while, loses no payment."""
    customer = await counter.shop.books.customer()
    page = await counter.checkout.begin(customer.account_id, "starter")
    await rename_session(counter, page.purchase_id, "cs_live_unseen")
    await counter.sync.run()
    assert (await counter.shop.purchases.get(page.purchase_id)).status == "open"
    await counter.pay(page.checkout_id)
    await rename_session(counter, page.purchase_id, page.checkout_id)
    await counter.sync.run()
    assert await counter.shop.books.balance_mc(customer) == 9_990_000


async def test_a_live_page_that_a_test_key_does_not_see_is_not_ended_by_a_click(
    counter: Counter,
) -> None:
    """G11: the sync looks at what is open only, so it has to stay open."""
    customer = await counter.shop.books.customer()
    page = await counter.checkout.begin(customer.account_id, "starter")
    await rename_session(counter, page.purchase_id, "cs_live_unseen_too")
    with pytest.raises(StripeRefusedError):
        await counter.checkout.begin(customer.account_id, "starter")
    assert (await counter.shop.purchases.get(page.purchase_id)).status == "open"


async def test_each_mode_is_asked_from_where_it_was_left(counter: Counter) -> None:
    """G11: what was paid live while a test key was set is found when the live one is back."""
    await counter.shop.books.execute("update billing_sync set synced_until = '2026-11-01Z'")
    counter.api.is_live = True
    await counter.sync.run()
    left_at = await synced(counter, is_live=True)
    assert left_at is not None
    counter.api.is_live = False
    await counter.sync.run()
    assert await synced(counter, is_live=True) == left_at
    test_at = await synced(counter, is_live=False)
    assert test_at is not None
    assert test_at > left_at
