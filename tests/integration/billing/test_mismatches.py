"""Payments that do not fit: each is told to operators, once, whoever tells it again."""

from collections.abc import AsyncIterator

import pytest

from tests.support.sales import Shop, open_shop
from tests.support.stripe_events import Payment


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    async with open_shop(database_url, redis_url) as opened:
        yield opened


async def alerts_of(shop: Shop, payment: Payment) -> list[str]:
    rows = await shop.books.rows(
        "select detail from alerts where kind = 'payment_mismatch' and request_id = $1"
        " order by raised_at",
        payment.purchase_id,
    )
    return [row["detail"] for row in rows]


async def tell_all(shop: Shop, payment: Payment) -> None:
    """As its events do, and each sync after them."""
    await shop.hear("charge.succeeded", payment.charge())
    await shop.hear("payment_intent.succeeded", payment.intent())
    await shop.hear("checkout.session.completed", payment.session())


async def test_each_payment_that_is_too_many_is_told_once(shop: Shop) -> None:
    """G11: money that fits nothing is seen, all of it: a third payment is not the second one."""
    customer, first = await shop.sell()
    second, third = (Payment(first.purchase_id, customer.account_id, 999) for _ in range(2))
    await tell_all(shop, first)
    for _ in range(3):
        await tell_all(shop, second)
        await tell_all(shop, third)
    details = await alerts_of(shop, first)
    assert len(details) == 2
    assert [one.intent_id in told for one, told in zip((second, third), details, strict=True)] == [
        True,
        True,
    ]
    assert await shop.books.balance_mc(customer) == 9_990_000


async def test_each_amount_that_does_not_fit_is_told_once(shop: Shop) -> None:
    """A payment that was captured in part, and then with a tip: two things to look at."""
    customer, payment = await shop.sell()
    for amount in (500, 500, 1_500, 500, 1_500):
        await shop.hear("payment_intent.succeeded", {**payment.intent(), "amount_received": amount})
    assert await alerts_of(shop, payment) == [
        f"{payment.intent_id} has paid 500 usd for it",
        f"{payment.intent_id} has paid 1500 usd for it",
    ]
    assert await shop.entries(customer) == []


async def test_a_session_and_its_payment_tell_the_same_thing_once(shop: Shop) -> None:
    """One mismatch, whoever brings it and however often."""
    _, payment = await shop.sell()
    for _ in range(2):
        session = {**payment.session(), "currency": "eur"}
        await shop.hear("checkout.session.completed", session)
        await shop.hear("payment_intent.succeeded", {**payment.intent(), "currency": "eur"})
    [detail] = await alerts_of(shop, payment)
    assert "999 eur" in detail


async def test_a_session_without_a_payment_is_told_by_its_own_id(shop: Shop) -> None:
    """Another page that claims a purchase which has one, before anything is paid on it."""
    customer, first = await shop.sell()
    await shop.hear("checkout.session.completed", first.session())
    others = [Payment(first.purchase_id, customer.account_id, 999) for _ in range(2)]
    for one in (*others, *others):
        await shop.hear("checkout.session.expired", one.session("expired", "unpaid"))
    details = await alerts_of(shop, first)
    assert details == [f"{one.session_id} claims to be for it" for one in others]


async def test_money_that_goes_back_in_another_currency_is_told_once(shop: Shop) -> None:
    """Its cents are not ours, so nothing is taken; somebody must look."""
    customer, payment = await shop.sell()
    await shop.hear("payment_intent.succeeded", payment.intent())
    refund = {**payment.refund(900), "currency": "eur"}
    dispute = {**payment.dispute("needs_response", -900), "currency": "eur"}
    for _ in range(2):
        await shop.hear("charge.refunded", {**payment.charge(), "currency": "eur"})
        await shop.hear("refund.created", refund)
        await shop.hear("charge.dispute.funds_withdrawn", dispute)
    assert await alerts_of(shop, payment) == [
        f"{refund['id']} takes 900 eur of it back",
        f"{dispute['id']} takes 999 eur of it back",
    ]
    assert await shop.books.balance_mc(customer) == 9_990_000


async def test_what_else_an_account_at_stripe_sells_alarms_nobody(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refunds and disputes of other products, which each sync meets for months."""
    before = await shop.books.value("select count(*) from alerts")
    stranger = Payment("not-a-purchase", "nobody", 999)
    for thing, event_type in (
        (stranger.charge(), "charge.refunded"),
        (stranger.refund(900), "refund.created"),
        (stranger.dispute("needs_response", -900), "charge.dispute.created"),
    ):
        received = await shop.hear(event_type, {**thing, "currency": "eur"})
        assert received.account_ids == frozenset()
    assert await shop.books.value("select count(*) from alerts") == before
    assert "warning" not in capsys.readouterr().out


async def test_a_free_session_that_no_promotion_code_explains_is_told_once(shop: Shop) -> None:
    """It gives nothing, and does not look as if a payment were still to come."""
    customer, payment = await shop.sell()
    session = {**payment.session(payment_status="no_payment_required"), "amount_total": 0}
    for _ in range(2):
        await shop.hear("checkout.session.completed", {**session, "payment_intent": None})
    assert await alerts_of(shop, payment) == [
        f"{payment.session_id} is free, and no promotion code says why"
    ]
    assert await shop.entries(customer) == []
