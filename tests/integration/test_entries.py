"""Grants and adjustments: posted once, chained, told to Redis by number."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest

from ledger.chain import BalanceLimitError
from ledger.database import acquired
from ledger.entries import BadAmountError, Entry, IdempotencyConflictError
from ledger.errors import AccountUnknownError
from ledger.ids import new_id
from ledger.pages import Window
from ledger.reports import EntryFilter
from ledger.texts import BadTextError
from pricing.money import LARGEST_MC
from tests.support.people import Desk, grant_of, open_desk


@pytest.fixture
async def desk(database_url: str, redis_url: str) -> AsyncIterator[Desk]:
    async with open_desk(database_url, redis_url) as opened:
        yield opened


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
