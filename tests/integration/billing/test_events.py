"""Stripe's events: each once, all or nothing, whatever order they come in."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.errors import BadEventError, WebhooksOffError
from ledger.chart import PROMOTION, STRIPE
from ledger.database import transaction
from tests.support.engines import run_apart
from tests.support.sales import Shop, open_shop
from tests.support.stripe_events import Body, Payment, encoded, event_of, signed


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    async with open_shop(database_url, redis_url) as opened:
        yield opened


async def test_a_paid_session_gives_the_package_once(shop: Shop) -> None:
    """Starter: exactly 9,990 credits, of Stripe's account; Redis knows at once."""
    customer, payment = await shop.sell("starter")
    received = await shop.hear("checkout.session.completed", payment.session())
    assert (received.is_new, received.account_ids) == (True, {customer.account_id})
    assert await shop.entries(customer) == [("purchase", 9_990_000, STRIPE)]
    await shop.books.assert_at_rest(customer)
    purchase = await shop.purchase(payment)
    assert (purchase.status, purchase.paid_cents) == ("paid", 999)
    assert purchase.payment_intent_id == payment.intent_id


async def test_price_and_bonus_are_two_entries_of_one_transaction(shop: Shop) -> None:
    """G7: finance needs them apart; Professional is 49,990 and 2,499 credits."""
    customer, payment = await shop.sell("professional")
    await shop.hear("checkout.session.completed", payment.session())
    assert await shop.entries(customer) == [
        ("purchase", 49_990_000, STRIPE),
        ("bonus", 2_499_000, PROMOTION),
    ]
    transactions = await shop.books.value(
        "select count(distinct transaction_id) from ledger_entries where ref = $1",
        payment.purchase_id,
    )
    assert transactions == 1


async def test_a_session_that_is_complete_but_unpaid_gives_nothing_yet(shop: Shop) -> None:
    """Slow ways to pay: credits come with the money, or not at all."""
    customer, payment = await shop.sell()
    await shop.hear("checkout.session.completed", payment.session(payment_status="unpaid"))
    assert await shop.entries(customer) == []
    assert (await shop.purchase(payment)).status == "processing"
    await shop.hear("checkout.session.async_payment_succeeded", payment.session())
    assert await shop.books.balance_mc(customer) == 9_990_000


async def test_a_slow_payment_that_fails_gives_nothing(shop: Shop) -> None:
    """Whatever comes late, it stays failed; no credits."""
    customer, payment = await shop.sell()
    unpaid = payment.session(payment_status="unpaid")
    await shop.hear("checkout.session.async_payment_failed", unpaid)
    await shop.hear("checkout.session.completed", unpaid)
    assert (await shop.purchase(payment)).status == "failed"
    assert await shop.entries(customer) == []


async def test_an_expired_session_gives_nothing(shop: Shop) -> None:
    """Nothing was charged."""
    customer, payment = await shop.sell()
    await shop.hear("checkout.session.expired", payment.session("expired", "unpaid"))
    assert (await shop.purchase(payment)).status == "expired"
    assert await shop.entries(customer) == []


async def test_g11_twenty_times_at_once_over_two_workers_is_once(
    shop: Shop, database_url: str, redis_url: str
) -> None:
    """G11: the same event on two pools of connections, all at the same time."""
    customer, payment = await shop.sell()
    body = encoded(event_of("checkout.session.completed", payment.session()))
    async with open_shop(database_url, redis_url) as other:
        tries = [
            worker.events.receive(body, signed(body)) for _ in range(10) for worker in (shop, other)
        ]
        received = await asyncio.gather(*tries)
    assert sum(one.is_new for one in received) == 1
    assert await shop.entries(customer) == [("purchase", 9_990_000, STRIPE)]
    await shop.books.assert_at_rest(customer)


async def test_g11_different_events_of_one_payment_at_once_credit_once(shop: Shop) -> None:
    """G11: once per payment, not once per event."""
    customer, payment = await shop.sell("enterprise")
    await asyncio.gather(
        *(shop.hear("checkout.session.completed", payment.session()) for _ in range(5)),
        *(shop.hear("payment_intent.succeeded", payment.intent()) for _ in range(5)),
        *(shop.hear("charge.succeeded", payment.charge()) for _ in range(5)),
        *(shop.hear("checkout.session.async_payment_succeeded", payment.session()) for _ in "ab"),
    )
    assert await shop.books.balance_mc(customer) == 109_989_000
    assert len(await shop.entries(customer)) == 2
    assert (await shop.purchase(payment)).receipt_url == payment.charge()["receipt_url"]


def life_of(payment: Payment) -> list[Body]:
    """The events of a payment that is paid slowly, partly refunded, and disputed in vain."""
    unpaid = payment.session(payment_status="unpaid")
    events = [
        event_of("checkout.session.completed", unpaid),
        event_of("payment_intent.succeeded", payment.intent()),
        event_of("charge.succeeded", payment.charge()),
        event_of("checkout.session.async_payment_succeeded", payment.session()),
    ]
    for cents in (1_000, 1_234):
        refund = payment.refund(cents)
        events.append(event_of("refund.created", refund))
        events.append(event_of("charge.refunded", payment.charge()))
    failed = payment.refund(500)
    events.append(event_of("refund.created", failed))
    events.append(event_of("refund.failed", payment.refund_fails(failed)))
    taken = payment.dispute("needs_response", -2_000)
    events.append(event_of("charge.dispute.created", payment.dispute("needs_response")))
    events.append(event_of("charge.dispute.funds_withdrawn", taken))
    given_back = payment.dispute("won", -2_000, 2_000)
    events.append(event_of("charge.dispute.funds_reinstated", given_back))
    events.append(event_of("charge.dispute.closed", given_back))
    return events


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_g11_any_order_of_events_ends_in_the_same_books(
    database_url: str, redis_url: str, data: st.DataObject
) -> None:
    """G11: over permutations, with repetitions, balance and purchase end the same."""
    order = data.draw(st.permutations(range(len(life_of(Payment("p", "a", 4_999))))))
    again = data.draw(st.lists(st.sampled_from(order), max_size=4))

    async def live() -> None:
        async with open_shop(database_url, redis_url) as shop:
            customer, payment = await shop.sell("professional")
            events = life_of(payment)
            for number in [*order, *again]:
                await shop.receive(events[number])
            purchase = await shop.purchase(payment)
            assert purchase.posted_base_refund_mc == 49_990_000 * 2_234 // 4_999
            assert purchase.posted_bonus_refund_mc == 2_499_000 * 2_234 // 4_999
            assert purchase.posted_dispute_mc == 0
            left_mc = 52_489_000 - purchase.posted_base_refund_mc - purchase.posted_bonus_refund_mc
            assert await shop.books.balance_mc(customer) == left_mc
            await shop.books.assert_at_rest(customer)

    run_apart(live())


FORGERIES = {
    "forged": lambda body: signed(body, secret="whsec_another"),
    "stale": lambda body: signed(body, at_s=int(time.time()) - 301),
    "of the future": lambda body: signed(body, at_s=int(time.time()) + 301),
    "of another scheme": lambda body: signed(body).replace("v1=", "v0="),
    "unsigned": lambda _body: None,
    "empty": lambda _body: "",
    "without a time": lambda body: signed(body).split(",")[1],
    "not ASCII": lambda body: signed(body).replace("v1=", "v1=\udcff"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_g11_what_is_not_stripes_leaves_no_row(shop: Shop, forgery: str) -> None:
    """G11: neither an event nor credits."""
    customer, payment = await shop.sell()
    event = event_of("checkout.session.completed", payment.session())
    body = encoded(event)
    with pytest.raises(BadEventError):
        await shop.events.receive(body, FORGERIES[forgery](body))
    await assert_no_row(shop, event, payment)
    assert await shop.entries(customer) == []


async def test_g11_a_truncated_event_leaves_no_row(shop: Shop) -> None:
    """G11: whether the whole was signed, or what is left of it."""
    _, payment = await shop.sell()
    event = event_of("checkout.session.completed", payment.session())
    body = encoded(event)
    for cut in (body[:-1], body[: len(body) // 2], b""):
        for header in (signed(body), signed(cut)):
            with pytest.raises(BadEventError):
                await shop.events.receive(cut, header)
    await assert_no_row(shop, event, payment)


async def test_an_object_of_another_shape_leaves_no_row(shop: Shop) -> None:
    """An event that cannot be read is not marked as done."""
    _, payment = await shop.sell()
    session = {**payment.session(), "amount_total": "999"}
    event = event_of("checkout.session.completed", session)
    with pytest.raises(BadEventError, match="amount_total"):
        await shop.receive(event)
    await assert_no_row(shop, event, payment)


@pytest.mark.parametrize("name", ["Bobby \\u0000", "Bobby \0", "Bobby \\\0", "Zo\u00eb \U0001f600"])
async def test_text_that_postgres_does_not_keep_keeps_no_payment_away(
    shop: Shop, name: str
) -> None:
    """A customer types what they like into Stripe's page, and it comes with each event."""
    customer, payment = await shop.sell()
    session = payment.session()
    session["customer_details"]["name"] = name
    event = event_of("checkout.session.completed", session)
    await shop.receive(event)
    assert await shop.books.balance_mc(customer) == 9_990_000
    kept = await shop.books.value(
        "select payload #>> '{data,object,customer_details,name}' from stripe_events where id = $1",
        event["id"],
    )
    assert kept == name.replace("\0", "\ufffd")


async def test_an_event_of_a_connected_account_is_kept_and_does_nothing(shop: Shop) -> None:
    """Whoever is connected can name our purchases in sessions of their own, paid to themselves."""
    customer, payment = await shop.sell()
    event = event_of("checkout.session.completed", payment.session())
    received = await shop.receive({**event, "account": "acct_of_somebody_else"})
    assert (received.is_new, received.account_ids) == (True, frozenset())
    assert await shop.entries(customer) == []
    assert (await shop.purchase(payment)).status == "created"


async def test_a_reference_that_customers_can_choose_claims_no_purchase(shop: Shop) -> None:
    """A payment link for something else takes `client_reference_id` from its address."""
    customer, payment = await shop.sell()
    session = {**payment.session(), "metadata": {}, "payment_link": "plink_1Other"}
    assert session["client_reference_id"] == payment.purchase_id
    received = await shop.hear("checkout.session.completed", session)
    assert (received.is_new, received.account_ids) == (True, frozenset())
    assert await shop.entries(customer) == []
    assert (await shop.purchase(payment)).status == "created"


async def test_two_payments_of_one_account_at_once_do_not_wait_for_each_other(shop: Shop) -> None:
    """Both have changed their purchases twice when they want the account: no deadlock."""
    customer, first = await shop.sell()
    _, second = await shop.sell(customer=customer)
    async with transaction(shop.books.pool) as connection:
        # As any row that refers to the account does, until it is committed.
        await connection.execute(
            "select 1 from accounts where id = $1 for key share", customer.account_id
        )
        hearing = [
            asyncio.create_task(shop.hear("checkout.session.completed", one.session()))
            for one in (first, second)
        ]
        await shop.several_wait(2)
    assert all(received.is_new for received in await asyncio.gather(*hearing))
    assert await shop.books.balance_mc(customer) == 2 * 9_990_000


async def test_an_event_of_the_other_mode_is_refused(shop: Shop) -> None:
    """Test payments buy nothing where real ones do, nor the other way round."""
    _, payment = await shop.sell()
    event = {**event_of("checkout.session.completed", payment.session()), "livemode": True}
    with pytest.raises(BadEventError, match="mode"):
        await shop.receive(event)
    await assert_no_row(shop, event, payment)


async def test_one_signature_of_several_is_enough(shop: Shop) -> None:
    """While a secret is rolled, Stripe signs with both."""
    customer, payment = await shop.sell()
    body = encoded(event_of("checkout.session.completed", payment.session()))
    fitting = signed(body)
    header = f"{fitting.split(',')[0]},v1={'0' * 64},{fitting.split(',')[1]},v0=abc"
    assert (await shop.events.receive(body, header)).is_new
    assert await shop.books.balance_mc(customer) == 9_990_000


async def test_without_a_secret_no_event_is_taken(database_url: str, redis_url: str) -> None:
    """No secret: off, not open."""
    async with open_shop(database_url, redis_url, secret=None) as shop:
        _, payment = await shop.sell()
        with pytest.raises(WebhooksOffError):
            await shop.hear("checkout.session.completed", payment.session())


async def test_unknown_types_and_strangers_are_kept_and_do_nothing(shop: Shop) -> None:
    """Not ours, or not of interest: 200, and no credits."""
    received = await shop.hear("customer.created", {"id": "cus_1", "object": "customer"})
    assert (received.is_new, received.account_ids) == (True, frozenset())
    stranger = Payment("not-a-purchase", "nobody", 999)
    for event_type, thing in (
        ("checkout.session.completed", stranger.session()),
        ("payment_intent.succeeded", stranger.intent()),
        ("charge.succeeded", stranger.charge()),
        ("refund.created", stranger.refund(5)),
        ("charge.dispute.created", stranger.dispute("needs_response")),
    ):
        received = await shop.hear(event_type, thing)
        assert (received.is_new, received.account_ids) == (True, frozenset())


async def test_expanded_objects_are_read_like_ids(shop: Shop) -> None:
    """An endpoint may be set up to send objects in place of ids."""
    customer, payment = await shop.sell()
    session = {**payment.session(), "payment_intent": payment.intent()}
    await shop.hear("checkout.session.completed", session)
    await shop.hear("refund.created", {**payment.refund(999), "payment_intent": payment.intent()})
    assert await shop.books.balance_mc(customer) == 0


async def test_a_second_payment_for_one_purchase_is_not_credited_but_told(shop: Shop) -> None:
    """G11: an operator is told of money that fits nothing."""
    customer, payment = await shop.sell()
    await shop.hear("payment_intent.succeeded", payment.intent())
    second = Payment(payment.purchase_id, customer.account_id, 999)
    await shop.hear("payment_intent.succeeded", second.intent())
    assert await shop.books.balance_mc(customer) == 9_990_000
    await assert_alerted(shop, payment)


@pytest.mark.parametrize(
    "changes", [{"currency": "eur"}, {"amount_subtotal": 1, "amount_total": 1}]
)
async def test_a_payment_of_another_amount_or_currency_buys_nothing(
    shop: Shop, changes: Body
) -> None:
    """What was agreed is the price in US dollars; else an operator has to look."""
    customer, payment = await shop.sell()
    await shop.hear("checkout.session.completed", {**payment.session(), **changes})
    assert await shop.entries(customer) == []
    await assert_alerted(shop, payment)


async def test_taxes_buy_no_credits_and_promotion_codes_are_a_bonus(shop: Shop) -> None:
    """The purchase's entry is what was paid for credits; the intent alone does not know that."""
    customer, payment = await shop.sell(
        "professional", is_price_exact=False, tax_cents=400, discount_cents=1_000
    )
    await shop.hear("payment_intent.succeeded", payment.intent())
    assert await shop.entries(customer) == []
    await shop.hear("checkout.session.completed", payment.session())
    assert await shop.entries(customer) == [
        ("purchase", 39_990_000, STRIPE),
        ("bonus", 12_499_000, PROMOTION),
    ]
    refund = payment.refund(payment.total_cents)
    await shop.hear("refund.created", refund)
    assert await shop.books.balance_mc(customer) == 0


async def test_a_promotion_code_may_leave_nothing_to_pay(shop: Shop) -> None:
    """All of it is a bonus; where no code says so, an unpaid session gives nothing."""
    customer, payment = await shop.sell(is_price_exact=False, discount_cents=999)
    session = payment.session(payment_status="no_payment_required")
    without_code = {**session, "total_details": None}
    await shop.hear("checkout.session.completed", without_code)
    assert await shop.entries(customer) == []
    await shop.hear("checkout.session.completed", session)
    assert await shop.entries(customer) == [("bonus", 9_990_000, PROMOTION)]


async def assert_no_row(shop: Shop, event: Body, payment: Payment) -> None:
    query = "select count(*) from stripe_events where id = $1"
    assert await shop.books.value(query, event["id"]) == 0
    assert (await shop.purchase(payment)).status == "created"


async def assert_alerted(shop: Shop, payment: Payment) -> None:
    query = "select kind from alerts where request_id = $1"
    assert await shop.books.value(query, payment.purchase_id) == "payment_mismatch"
