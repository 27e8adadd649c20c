"""Grants and adjustments: posted once, chained, told to Redis by number."""

import asyncio

import asyncpg
import msgspec
import pytest

from ledger.chain import BalanceLimitError
from ledger.chart import PROMOTION, STRIPE, credits_of, usage_revenue
from ledger.database import acquired, transaction
from ledger.entries import Entry, post_within
from ledger.errors import AccountUnknownError
from ledger.ids import new_id
from ledger.pages import Window
from ledger.posting import ENTRY_TYPES, BadAmountError, IdempotencyConflictError
from ledger.reports import EntryFilter
from ledger.texts import BadTextError
from pricing.money import LARGEST_MC
from tests.support.people import Desk, grant_of


async def entries_of(desk: Desk, account_id: str) -> list[Entry]:
    """Oldest first."""
    page = await desk.reports.entries(EntryFilter(account_id=account_id), Window(limit=1000))
    return list(page.rows)[::-1]


def assert_chained(entries: list[Entry], balance_mc: int) -> None:
    assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1))
    befores = [0, *(entry.balance_after_mc for entry in entries)]
    assert [entry.balance_before_mc for entry in entries] == befores[:-1]
    assert befores[-1] == balance_mc
    times = [entry.posted_at for entry in entries]
    assert times == sorted(set(times))


async def test_g6_fifty_simultaneous_grants_make_one_unbroken_chain(desk: Desk) -> None:
    """G6: each account's entries form one chain, and its balance is the chain's end."""
    account = await desk.accounts.create("Ada")
    postings = [grant_of(account.account_id, amount_mc) for amount_mc in range(1, 51)]
    await asyncio.gather(*(desk.entries.post(posting) for posting in postings))
    entries = await entries_of(desk, account.account_id)
    assert_chained(entries, sum(range(1, 51)))
    assert (await desk.accounts.get(account.account_id)).balance_mc == sum(range(1, 51))
    async with acquired(desk.pool) as connection:
        syncs = await connection.fetch(
            "select number, amount_mc from balance_syncs where account_id = $1 order by number",
            account.account_id,
        )
    assert [row["number"] for row in syncs] == list(range(1, 51))
    assert [row["amount_mc"] for row in syncs] == [entry.amount_mc for entry in entries]


async def test_g9_what_was_granted_is_what_redis_has(desk: Desk) -> None:
    """G9: a grant reaches Redis by its number, once, however often Redis is told."""
    account = await desk.account_with(50_000)
    await desk.entries.post(
        grant_of(account.account_id, -7_500, entry_type="adjustment", description="Correction")
    )
    for _ in range(3):
        await desk.working_copy.apply_syncs(account.account_id)
    balance = await desk.working_copy.balance(account.account_id)
    assert (balance.balance_mc, balance.unwritten_mc) == (42_500, 0)
    assert (await desk.accounts.get(account.account_id)).balance_mc == 42_500


async def test_g7_each_entry_has_its_other_side(desk: Desk) -> None:
    """G7: every transaction's postings sum to zero."""
    account = await desk.account_with(9_000)
    await desk.entries.post(grant_of(account.account_id, 1_000, entry_type="adjustment"))
    async with acquired(desk.pool) as connection:
        rows = await connection.fetch(
            "select p.transaction_id, array_agg(p.ledger_account order by p.amount_mc) as names,"
            " sum(p.amount_mc) as total from postings as p"
            " join ledger_entries as e on e.id = p.id where e.account_id = $1"
            " group by 1 order by 1",
            account.account_id,
        )
    assert [row["total"] for row in rows] == [0, 0]
    assert [row["names"][1] for row in rows] == ["expenses:promotion", "expenses:adjustments"]


async def test_the_same_request_again_is_the_same_entry(desk: Desk) -> None:
    """An idempotency key posts once, also when all tries come at the same time."""
    account = await desk.accounts.create("Ada")
    posting = grant_of(account.account_id, 5_000, "gift-1")
    posted = await asyncio.gather(*(desk.entries.post(posting) for _ in range(20)))
    assert len({one.entry.entry_id for one in posted}) == 1
    assert sum(one.is_new for one in posted) == 1
    assert (await desk.accounts.get(account.account_id)).balance_mc == 5_000


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_mc": 5_001},
        {"description": "Another"},
        {"entry_type": "adjustment"},
    ],
)
async def test_a_key_that_stands_for_something_else_is_a_conflict(
    desk: Desk, changes: dict[str, object]
) -> None:
    """Same key, other body: nothing is posted."""
    account = await desk.accounts.create("Ada")
    await desk.entries.post(grant_of(account.account_id, 5_000, "gift-1"))
    other = msgspec.structs.replace(grant_of(account.account_id, 5_000, "gift-1"), **changes)
    with pytest.raises(IdempotencyConflictError, match="gift-1"):
        await desk.entries.post(other)
    assert len(await entries_of(desk, account.account_id)) == 1


async def test_accounts_do_not_share_idempotency_keys(desk: Desk) -> None:
    """G12: two tenants may use the same word."""
    for _ in range(2):
        account = await desk.accounts.create("Ada")
        assert (await desk.entries.post(grant_of(account.account_id, 5_000, "gift-1"))).is_new


async def test_an_account_keeps_its_order_when_the_clock_is_set_back(
    desk: Desk, migration_database_url: str
) -> None:
    """`posted_at` never goes back within an account."""
    account = await desk.account_with(1_000)
    owner = await asyncpg.connect(migration_database_url)
    await owner.execute(
        "update accounts set last_posted_at = now() + interval '1 day' where id = $1",
        account.account_id,
    )
    await owner.close()
    for _ in range(3):
        await desk.grant(account.account_id, 1_000)
    entries = await entries_of(desk, account.account_id)
    assert_chained(entries, 4_000)
    assert (entries[1].posted_at - entries[0].posted_at).days >= 1


async def test_a_balance_that_redis_could_not_count_is_refused(desk: Desk) -> None:
    """Amounts stay below 2^53; what is refused leaves no trace."""
    account = await desk.account_with(LARGEST_MC)
    with pytest.raises(BalanceLimitError):
        await desk.entries.post(grant_of(account.account_id, 1))
    assert len(await entries_of(desk, account.account_id)) == 1


async def test_what_cannot_be_posted_is_refused_by_name(desk: Desk) -> None:
    """A grant gives; everything has a reason and a key."""
    account = await desk.accounts.create("Ada")
    for amount_mc in (0, -1):
        with pytest.raises(BadAmountError):
            await desk.entries.post(grant_of(account.account_id, amount_mc))
    with pytest.raises(BadTextError, match="description"):
        await desk.entries.post(grant_of(account.account_id, 1, description=" "))
    with pytest.raises(BadTextError, match="idempotency_key"):
        await desk.entries.post(grant_of(account.account_id, 1, "k" * 201))
    with pytest.raises(AccountUnknownError):
        await desk.entries.post(grant_of(new_id(), 1))
    assert await entries_of(desk, account.account_id) == []


async def test_a_purchase_and_its_bonus_are_one_transaction_of_the_callers_own(desk: Desk) -> None:
    """G7: what one payment brings is posted with the event that tells of it, or not at all."""
    account_id = (await desk.accounts.create("Ada")).account_id
    other_id = (await desk.accounts.create("Bob")).account_id
    purchase = grant_of(
        *(account_id, 49_990, "pi_1"),
        entry_type="purchase",
        counter_account=STRIPE,
        ref="pi_1",
        receipt_url="https://pay.example.com/receipts/1",
    )
    bonus = grant_of(account_id, 2_499, "pi_1 bonus", entry_type="bonus", ref="pi_1")
    async with acquired(desk.pool) as connection:
        event = connection.transaction()
        await event.start()
        assert len(await post_within(connection, [purchase, bonus])) == 2
        await event.rollback()
    assert await entries_of(desk, account_id) == []
    async with transaction(desk.pool) as connection:
        posted = await post_within(connection, [purchase, bonus, grant_of(other_id, 1)])
    first, second, _ = (one.entry for one in posted)
    assert first.transaction_id == second.transaction_id
    assert (first.ref, first.receipt_url) == ("pi_1", "https://pay.example.com/receipts/1")
    assert [first.counter_account, second.counter_account] == [STRIPE, PROMOTION]
    entries = await entries_of(desk, account_id)
    assert entries == [first, second]
    assert_chained(entries, 52_489)
    async with transaction(desk.pool) as connection:
        again = await post_within(connection, [purchase, bonus])
    assert [(one.entry, one.is_new) for one in again] == [(first, False), (second, False)]


async def test_postings_of_several_accounts_at_once_wait_for_each_other(desk: Desk) -> None:
    """Accounts are locked in the order of their ids: nobody is in the other's way for ever."""
    ids = [(await desk.accounts.create("Ada")).account_id for _ in range(3)]

    async def post(order: list[str]) -> None:
        async with transaction(desk.pool) as connection:
            await post_within(connection, [grant_of(account_id, 1) for account_id in order])

    await asyncio.gather(*(post(order) for _ in range(8) for order in (ids, ids[::-1])))
    for account_id in ids:
        assert_chained(await entries_of(desk, account_id), 16)


async def test_corrections_at_the_same_time_do_not_exceed_what_they_correct(desk: Desk) -> None:
    """What is left to correct is read under the account's lock."""
    account = await desk.accounts.create("Ada")
    wrong = (await desk.grant(account.account_id, 1_000)).entry
    corrections = [
        grant_of(account.account_id, -300, entry_type="adjustment", corrects=wrong.entry_id)
        for _ in range(8)
    ]
    tries = (desk.entries.post(posting) for posting in corrections)
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(outcome, BadAmountError) for outcome in outcomes) == 5
    assert_chained(await entries_of(desk, account.account_id), 100)


async def test_g6_the_database_refuses_a_correction_of_another_account(desk: Desk) -> None:
    """G6: also where somebody goes around our code."""
    wrong = (await desk.grant((await desk.accounts.create("Ada")).account_id, 1_000)).entry
    other = await desk.accounts.create("Bob")
    insert = (
        "insert into ledger_entries (id, transaction_id, account_id, sequence, posted_at,"
        " entry_type, amount_mc, balance_before_mc, balance_after_mc, counter_account, actor,"
        " corrects_entry_id) values (gen_random_uuid(), gen_random_uuid(), $1, $2, now(),"
        " 'adjustment', 5, $3, $4, 'x', 'y', $5)"
    )
    async with acquired(desk.pool) as connection:
        with pytest.raises(asyncpg.ForeignKeyViolationError, match="none of its account"):
            await connection.execute(insert, other.account_id, 1, 0, 5, wrong.entry_id)
        await connection.execute(insert, wrong.account_id, 2, 1_000, 1_005, wrong.entry_id)


async def test_g7_every_type_of_entry_sums_to_zero_with_its_other_side(desk: Desk) -> None:
    """G7: over all types, each transaction's postings sum to zero; the customer's side is owed."""
    account_id = (await desk.accounts.create("Ada")).account_id
    for entry_type in ENTRY_TYPES:
        amount_mc = -7 if entry_type in ("usage", "refund", "expiry") else 100
        counter = {"purchase": STRIPE, "usage": usage_revenue("gpt-4o")}.get(entry_type)
        await desk.entries.post(
            grant_of(account_id, amount_mc, entry_type=entry_type, counter_account=counter)
        )
    async with acquired(desk.pool) as connection:
        sums = await connection.fetch(
            "select sum(amount_mc) as total from postings where transaction_id in"
            " (select transaction_id from ledger_entries where account_id = $1)"
            " group by transaction_id",
            account_id,
        )
        owed_mc = await connection.fetchval(
            "select sum(amount_mc) from postings where ledger_account = $1",
            credits_of(account_id),
        )
    assert [row["total"] for row in sums] == [0] * len(ENTRY_TYPES)
    assert owed_mc == -(5 * 100 - 3 * 7)
