"""Money that goes back: ledger and journal are right at every step, the bonus in proportion."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from console.exports import journal_export
from ledger.chart import DISPUTES, PROMOTION, STRIPE, credits_of
from ledger.database import transaction
from ledger.errors import AccountSuspendedError
from ledger.exports.export import pieces_of
from ledger.exports.selection import Selection
from tests.support.books import Customer, call_of
from tests.support.sales import Shop, open_shop

HLEDGER = shutil.which("hledger")
BASE_MC, BONUS_MC = 49_990_000, 2_499_000
ALL_MC = BASE_MC + BONUS_MC
BASE_CENTS = 4_999


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    async with open_shop(database_url, redis_url) as opened:
        yield opened


async def assert_books(shop: Shop, customer: Customer, balance_mc: int, stripe_mc: int) -> None:
    """Balance, Redis, and what Stripe has for this customer; the journal closes to the same."""
    await shop.books.assert_at_rest(customer)
    assert await shop.books.balance_mc(customer) == balance_mc
    entries = await shop.entries(customer)
    assert sum(amount_mc for _, amount_mc, account in entries if account == STRIPE) == stripe_mc
    if HLEDGER is None:
        return
    export = journal_export(Selection(account_id=customer.account_id), 1000)
    journal = b"".join([piece async for piece in pieces_of(shop.books.pool, export)]).decode()
    hledger(journal, "check", "--strict")
    for account, expected_mc in (
        (STRIPE, stripe_mc),
        (credits_of(customer.account_id), -balance_mc),
    ):
        shown = hledger(journal, "balance", account, "-N", "-E", "--layout=bare", "-O", "csv")
        closed = shown.splitlines()[-1].split(",")[-1].strip('"')
        assert Decimal(closed) == Decimal(expected_mc) / 1000


def hledger(journal: str, *arguments: str) -> str:
    """What hledger answers; it fails where a check does."""
    command = [str(HLEDGER), "-f-", *arguments]
    return subprocess.run(command, input=journal, text=True, check=True, capture_output=True).stdout


async def test_three_partial_refunds_take_exactly_what_was_given(shop: Shop) -> None:
    """Each takes the difference, rounded once on the sum; the last takes the rest."""
    customer, payment = await shop.sell("professional")
    await shop.hear("checkout.session.completed", payment.session())
    await assert_books(shop, customer, ALL_MC, BASE_MC)
    refunded_cents = 0
    for cents in (1_000, 1_999, 2_000):
        refund = payment.refund(cents)
        refunded_cents += cents
        await shop.hear("refund.created", refund)
        await shop.hear("charge.refunded", payment.charge())
        base_mc = BASE_MC * refunded_cents // BASE_CENTS
        bonus_mc = BONUS_MC * refunded_cents // BASE_CENTS
        await assert_books(shop, customer, ALL_MC - base_mc - bonus_mc, BASE_MC - base_mc)
    assert refunded_cents == BASE_CENTS
    entries = await shop.entries(customer)
    assert len(entries) == 8
    taken = [entry for entry in entries if entry[0] == "refund"]
    assert {account for _, _, account in taken} == {STRIPE, PROMOTION}
    assert sum(amount_mc for _, amount_mc, _ in taken) == -ALL_MC


async def test_a_refund_may_leave_a_debt(shop: Shop) -> None:
    """Credits that were used are owed."""
    customer, payment = await shop.sell()
    await shop.hear("checkout.session.completed", payment.session())
    await shop.books.post(customer.account_id, -9_000_000, tell=True)
    payment.refund(999)
    await shop.hear("charge.refunded", payment.charge())
    await assert_books(shop, customer, -9_000_000, 0)


async def test_a_refund_that_fails_gives_back_and_names_what_it_corrects(shop: Shop) -> None:
    """And a new refund after it takes again."""
    customer, payment = await shop.sell("professional")
    await shop.hear("checkout.session.completed", payment.session())
    refund = payment.refund(BASE_CENTS)
    await shop.hear("refund.created", refund)
    await assert_books(shop, customer, 0, 0)
    await shop.hear("refund.failed", payment.refund_fails(refund))
    await assert_books(shop, customer, ALL_MC, BASE_MC)
    corrected = await shop.books.rows(
        "select refund.entry_type, refund.amount_mc + correction.amount_mc as rest"
        " from ledger_entries as correction"
        " join ledger_entries as refund on refund.id = correction.corrects_entry_id"
        " where correction.account_id = $1 and correction.entry_type = 'adjustment'",
        customer.account_id,
    )
    assert [tuple(row) for row in corrected] == [("refund", 0)] * 2
    await shop.hear("refund.created", payment.refund(BASE_CENTS))
    await assert_books(shop, customer, 0, 0)


async def test_a_refund_before_its_payment_waits_for_it(shop: Shop) -> None:
    """G11: nothing is lost by coming first."""
    customer, payment = await shop.sell()
    await shop.hear("refund.created", payment.refund(999))
    assert await shop.entries(customer) == []
    await shop.hear("checkout.session.completed", payment.session())
    await assert_books(shop, customer, 0, 0)


@pytest.mark.parametrize("charge_comes", ["first", "last"])
async def test_what_names_only_its_charge_counts_whenever_that_comes(
    shop: Shop, charge_comes: str
) -> None:
    """G7: a refund and a dispute of a charge; the order changes nothing."""
    customer, payment = await shop.sell()
    await shop.hear("checkout.session.completed", payment.session())
    charge = payment.charge()
    if charge_comes == "first":
        await shop.hear("charge.succeeded", charge)
    await shop.hear("refund.created", {**payment.refund(333), "payment_intent": None})
    disputed = payment.dispute("lost", -666, cents=666)
    await shop.hear("charge.dispute.closed", {**disputed, "payment_intent": None})
    if charge_comes == "last":
        await shop.hear("charge.succeeded", charge)
    await assert_books(shop, customer, 0, 6_660_000)


async def test_amounts_in_another_currency_take_nothing(shop: Shop) -> None:
    """An endpoint of an old API version tells yen where the customer has paid in yen."""
    customer, payment = await shop.sell()
    await shop.hear("checkout.session.completed", payment.session())
    for event_type, thing in (
        ("refund.created", payment.refund(750)),
        ("charge.refunded", {**payment.charge(), "amount": 1_500, "amount_refunded": 750}),
        ("charge.dispute.funds_withdrawn", payment.dispute("lost", -1_500, cents=1_500)),
    ):
        await shop.hear(event_type, {**thing, "currency": "jpy"})
    assert await shop.books.balance_mc(customer) == 9_990_000


async def test_a_refund_of_credits_that_have_expired_is_taken_all_the_same(
    database_url: str, redis_url: str
) -> None:
    """The payment went back; what had expired cannot be named any more."""
    async with open_shop(database_url, redis_url, expire_after_days=1) as shop:
        customer, payment = await shop.sell()
        await shop.hear("checkout.session.completed", payment.session())
        [lot] = await shop.books.rows(
            "select entry_id from credit_lots where account_id = $1", customer.account_id
        )
        await shop.books.execute(
            "insert into expiries (request_id, lot_entry_id, account_id, posted_at, taken_mc,"
            " posted_mc) values (gen_random_uuid(), $1, $2, now(), 5, 5)",
            *(lot["entry_id"], customer.account_id),
        )
        await shop.hear("refund.created", payment.refund(999))
        assert await shop.books.balance_mc(customer) == 0


async def test_a_dispute_that_is_lost_takes_all(shop: Shop) -> None:
    """Base and bonus; a refund after it takes nothing twice."""
    customer, payment = await shop.sell("professional")
    await shop.hear("checkout.session.completed", payment.session())
    await shop.hear("charge.dispute.created", payment.dispute("needs_response"))
    await assert_books(shop, customer, ALL_MC, BASE_MC)
    taken = payment.dispute("needs_response", -BASE_CENTS)
    await shop.hear("charge.dispute.funds_withdrawn", taken)
    await assert_books(shop, customer, 0, BASE_MC)
    await shop.hear("charge.dispute.closed", payment.dispute("lost", -BASE_CENTS))
    assert (await shop.entries(customer))[2:] == [("dispute", -ALL_MC, DISPUTES)]
    await shop.hear("refund.created", payment.refund(1_000))
    await shop.books.assert_at_rest(customer)
    assert await shop.books.balance_mc(customer) == 0


async def test_a_dispute_that_is_won_gives_all_back(shop: Shop) -> None:
    """Taken while it is open, given back when the money is."""
    customer, payment = await shop.sell("professional")
    await shop.hear("checkout.session.completed", payment.session())
    taken = payment.dispute("needs_response", -BASE_CENTS)
    await shop.hear("charge.dispute.funds_withdrawn", taken)
    won = payment.dispute("won", -BASE_CENTS, BASE_CENTS)
    await shop.hear("charge.dispute.closed", won)
    await shop.hear("charge.dispute.funds_reinstated", won)
    await assert_books(shop, customer, ALL_MC, BASE_MC)
    assert (await shop.entries(customer))[2:] == [
        ("dispute", -ALL_MC, DISPUTES),
        ("dispute", ALL_MC, DISPUTES),
    ]


@pytest.mark.parametrize("currency", ["usd", "eur"])
async def test_a_dispute_that_was_won_may_be_lost_after_all(shop: Shop, currency: str) -> None:
    """Whatever currency the operator's balance at Stripe is in: three movements, all is gone."""
    customer, payment = await shop.sell()
    await shop.hear("checkout.session.completed", payment.session())
    dispute = payment.dispute("lost", -999, 999, -999)
    for moved in dispute["balance_transactions"]:
        moved["currency"] = currency
    await shop.hear("charge.dispute.updated", dispute)
    assert await shop.books.balance_mc(customer) == 0


async def test_a_dispute_after_a_refund_takes_what_is_left(shop: Shop) -> None:
    """Together never more than what was given."""
    customer, payment = await shop.sell("professional")
    await shop.hear("checkout.session.completed", payment.session())
    await shop.hear("refund.created", payment.refund(2_999))
    taken = payment.dispute("lost", -BASE_CENTS)
    await shop.hear("charge.dispute.funds_withdrawn", taken)
    assert await shop.books.balance_mc(customer) == 0


async def test_calls_are_refused_during_a_dispute_where_that_is_set(
    database_url: str, redis_url: str
) -> None:
    """`refuse_calls_during_disputes`: all keys, old and new; also after Redis has lost them."""
    async with open_shop(database_url, redis_url, refuse_calls=True) as shop:
        customer, payment = await shop.sell()
        await shop.hear("checkout.session.completed", payment.session())
        assert await shop.books.held(customer, 10)
        await shop.hear("charge.dispute.created", payment.dispute("needs_response"))
        key = await shop.books.keys.create(customer.account_id, "made meanwhile")
        other = Customer(customer.account_id, key.api_key.key_id, key.text)
        for refused in (customer, other):
            with pytest.raises(AccountSuspendedError):
                await shop.books.held(refused, 10)
            assert await shop.books.working_copy.key_is_active(refused.account_id, refused.key_id)
        await shop.books.lose_account(customer)
        with pytest.raises(AccountSuspendedError):
            await shop.books.held(customer, 10)
        await shop.hear("charge.dispute.closed", payment.dispute("won"))
        for welcome in (customer, other):
            assert await shop.books.held(welcome, 10)


async def test_an_end_of_one_dispute_does_not_hide_another_that_begins_at_once(
    database_url: str, redis_url: str
) -> None:
    """Both transactions judge the account: the second sees what the first has written."""
    async with open_shop(database_url, redis_url, refuse_calls=True) as shop:
        customer, first = await shop.sell()
        _, second = await shop.sell(customer=customer)
        for payment in (first, second):
            await shop.hear("checkout.session.completed", payment.session())
        await shop.hear("charge.dispute.created", first.dispute("needs_response"))
        async with transaction(shop.books.pool) as connection:
            await connection.execute(
                "select 1 from accounts where id = $1 for update", customer.account_id
            )
            hearing = []
            for event_type, dispute in (
                ("charge.dispute.created", second.dispute("needs_response")),
                ("charge.dispute.closed", first.dispute("won")),
            ):
                hearing.append(asyncio.create_task(shop.hear(event_type, dispute)))
                await shop.several_wait(len(hearing))
        await asyncio.gather(*hearing)
        with pytest.raises(AccountSuspendedError):
            await shop.books.held(customer, 10)


@pytest.mark.parametrize(
    "statuses",
    [
        ("needs_response", "warning_under_review"),
        ("warning_closed", "under_review"),
        ("warning_needs_response", "needs_response"),
        ("warning_needs_response", "appeal_under_review"),
    ],
)
async def test_an_inquiry_may_become_a_dispute_and_not_the_other_way(
    database_url: str, redis_url: str, statuses: tuple[str, ...]
) -> None:
    """News of the inquiry that come late do not let calls in."""
    async with open_shop(database_url, redis_url, refuse_calls=True) as shop:
        customer, payment = await shop.sell()
        await shop.hear("checkout.session.completed", payment.session())
        for status in statuses:
            await shop.hear("charge.dispute.updated", payment.dispute(status))
        with pytest.raises(AccountSuspendedError):
            await shop.books.held(customer, 10)


async def test_calls_go_on_during_a_dispute_by_default(shop: Shop) -> None:
    """And an inquiry, which takes no money, is none."""
    customer, payment = await shop.sell()
    await shop.hear("checkout.session.completed", payment.session())
    await shop.hear("charge.dispute.created", payment.dispute("needs_response"))
    assert await shop.books.holds.reserve(call_of(customer, 10)) == 10


async def test_a_suspension_ends_when_operators_want_none_any_more(
    database_url: str, redis_url: str
) -> None:
    """The next round of sync judges those who are suspended."""
    async with open_shop(database_url, redis_url, refuse_calls=True) as shop:
        customer, payment = await shop.sell()
        await shop.hear("checkout.session.completed", payment.session())
        await shop.hear("charge.dispute.created", payment.dispute("under_review"))
    async with open_shop(database_url, redis_url) as shop:
        async with transaction(shop.books.pool) as connection:
            assert customer.account_id in await shop.disputes.to_judge(connection)
            assert await shop.disputes.judge(connection, customer.account_id)
        await shop.books.working_copy.apply_syncs(customer.account_id)
        assert await shop.books.held(customer, 10)
