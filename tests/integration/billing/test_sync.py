"""`billing sync`: what Stripe never told is found, once."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing import stripe_client, sync
from billing.stripe_objects import BadObjectError
from tests.support.pretend_sales import Counter, open_counter


@pytest.fixture
async def counter(database_url: str, redis_url: str) -> AsyncIterator[Counter]:
    async with open_counter(database_url, redis_url) as opened:
        yield opened


async def test_g11_a_payment_without_its_webhook_is_found_and_the_late_one_adds_nothing(
    counter: Counter,
) -> None:
    """G11: never lost, never twice; running it again changes nothing."""
    customer = await counter.shop.books.customer()
    page = await counter.checkout.begin(customer.account_id, "professional")
    await counter.pay(page.checkout_id)
    report = await counter.sync.run()
    assert [one.purchase_id for one in report.changed] == [page.purchase_id]
    assert (report.credited_mc, report.sessions > 0, report.payments > 0) == (
        52_489_000,
        True,
        True,
    )
    assert report.changed[0].receipt_url
    assert (await counter.sync.run()).changed == ()
    assert await counter.deliver() > 0
    assert await counter.shop.books.balance_mc(customer) == 52_489_000
    await counter.shop.books.assert_at_rest(customer)


async def test_a_session_whose_id_was_never_kept_is_found_by_its_purchase(counter: Counter) -> None:
    """A worker that dies between Stripe's answer and our commit leaves a page that sells."""
    customer = await counter.shop.books.customer()
    page = await counter.checkout.begin(customer.account_id, "starter")
    await counter.shop.books.execute(
        "update purchases set checkout_session_id = null, checkout_url = null, status = 'created'"
        " where id = $1",
        page.purchase_id,
    )
    await counter.pay(page.checkout_id)
    await counter.sync.run()
    assert await counter.shop.books.balance_mc(customer) == 9_990_000


async def test_refunds_and_disputes_without_webhooks_are_found(counter: Counter) -> None:
    """Money that went back is taken down, in part and as a dispute."""
    customer = await counter.shop.books.customer()
    page = await counter.checkout.begin(customer.account_id, "starter")
    await counter.pay(page.checkout_id)
    await counter.ask("POST", f"/pretend/payments/{page.checkout_id}/refund", amount=333)
    await counter.sync.run()
    assert await counter.shop.books.balance_mc(customer) == 6_660_000
    await counter.ask("POST", f"/pretend/payments/{page.checkout_id}/dispute", amount=666)
    await counter.sync.run()
    assert await counter.shop.books.balance_mc(customer) == 0
    await counter.deliver()
    assert await counter.shop.books.balance_mc(customer) == 0
    await counter.shop.books.assert_at_rest(customer)


async def test_what_becomes_of_old_refunds_and_disputes_is_found_without_webhooks(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bank decides after months, a refund comes back after weeks: both began long before."""
    monkeypatch.setattr(sync, "OVERLAP", -timedelta(seconds=2))  # they are older than the last time
    customer = await counter.shop.books.customer()
    for package_id in ("starter", "professional"):
        page = await counter.checkout.begin(customer.account_id, package_id)
        await counter.pay(page.checkout_id)
        how = "refund" if package_id == "starter" else "dispute"
        await counter.ask("POST", f"/pretend/payments/{page.checkout_id}/{how}")
    await counter.sync.run(datetime.now(UTC) - timedelta(hours=1))
    assert await counter.shop.books.balance_mc(customer) == 0
    await counter.sync.run()
    [refund] = (await counter.ask("GET", "/v1/refunds"))["data"]
    await counter.ask("POST", f"/pretend/refunds/{refund['id']}/fail")
    [dispute] = (await counter.ask("GET", "/v1/disputes"))["data"]
    await counter.ask("POST", f"/pretend/disputes/{dispute['id']}/win")
    await counter.sync.run()
    assert await counter.shop.books.balance_mc(customer) == 9_990_000 + 52_489_000
    await counter.shop.books.assert_at_rest(customer)


async def test_a_purchase_that_was_begun_long_ago_is_still_asked_for(counter: Counter) -> None:
    """A payment by bank may take longer than any overlap."""
    customer = await counter.shop.books.customer()
    page = await counter.checkout.begin(customer.account_id, "starter")
    await counter.sync.run()
    await counter.shop.books.execute(
        "update billing_sync set synced_until = now() + interval '2 hours'"
    )
    await counter.pay(page.checkout_id)
    await counter.sync.run()
    assert await counter.shop.books.balance_mc(customer) == 9_990_000


async def test_a_slow_payment_that_failed_unheard_is_over(counter: Counter) -> None:
    """A session does not say so itself: its payment does."""
    customer = await counter.shop.books.customer()
    page = await counter.checkout.begin(customer.account_id, "starter")
    session = f"/pretend/sessions/{page.checkout_id}"
    await counter.ask("POST", f"{session}/pay_by_bank", outcome="failed")
    await counter.sync.run()
    assert (await counter.shop.purchases.get(page.purchase_id)).status == "processing"
    await counter.ask("POST", f"{session}/settle")
    await counter.sync.run()
    assert (await counter.shop.purchases.get(page.purchase_id)).status == "failed"
    await counter.deliver()
    assert (await counter.shop.purchases.get(page.purchase_id)).status == "failed"
    assert await counter.shop.entries(customer) == []


async def test_what_cannot_be_read_keeps_nothing_else_from_being_found(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G11: an account at Stripe may sell more than credits, in shapes that we do not know."""
    customer = await counter.shop.books.customer()
    page = await counter.checkout.begin(customer.account_id, "starter")
    await counter.pay(page.checkout_id)
    stranger = await counter.checkout.begin(
        (await counter.shop.books.customer()).account_id, "starter"
    )
    await counter.shop.books.execute(
        "update purchases set checkout_session_id = null where id = any($1::uuid[])",
        [page.purchase_id, stranger.purchase_id],
    )
    read = stripe_client.read_object

    def strict(values: Any, shape: Any) -> Any:
        if values["id"] == stranger.checkout_id:
            raise BadObjectError("it is of another world")
        return read(values, shape)

    monkeypatch.setattr(stripe_client, "read_object", strict)
    report = await counter.sync.run()
    assert [one.purchase_id for one in report.changed] == [page.purchase_id]
    assert await counter.shop.books.balance_mc(customer) == 9_990_000
