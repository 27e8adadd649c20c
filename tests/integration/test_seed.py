"""`make seed`: what benches measure with is as true as what calls write."""

import asyncio
from decimal import ROUND_CEILING, Decimal

import asyncpg
import msgspec
import pytest

from ledger.migrate import migrate
from tests.bench.seeded_books import SeededAccount
from tests.support.seeded import seeded_books

ROWS = 1_000


@pytest.fixture(scope="module")
def accounts(database_url: str, migration_database_url: str) -> list[SeededAccount]:
    return seeded_books(database_url, migration_database_url, rows=ROWS)


async def rows_of(database_url: str, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(database_url)
    try:
        rows: list[asyncpg.Record] = await connection.fetch(query)
    finally:
        await connection.close()
    return rows


async def test_seeded_accounts_are_what_their_entries_leave(
    accounts: list[SeededAccount], database_url: str
) -> None:
    """Balance, sequence and sync numbers; nothing is still to be told to Redis."""
    rows = await rows_of(
        database_url,
        "select balance_mc, last_sequence, last_sync_number, applied_sync_number,"
        " (select sum(amount_mc) from ledger_entries where account_id = a.id) as total_mc,"
        " (select max(sequence) from ledger_entries where account_id = a.id) as sequence,"
        " (select count(*) from balance_syncs where account_id = a.id) as syncs,"
        " last_posted_at >= (select max(posted_at) from usage_records where account_id = a.id)"
        " as is_last from accounts as a",
    )
    assert len(rows) == len(accounts)
    for row in rows:
        assert row["balance_mc"] == row["total_mc"]
        assert row["last_sequence"] == row["sequence"]
        assert row["last_sync_number"] == row["applied_sync_number"] == row["syncs"]
        assert row["is_last"]
        assert row["balance_mc"] >= 0


async def test_seeded_calls_cost_what_their_rows_say(
    accounts: list[SeededAccount], database_url: str
) -> None:
    """G8: each charge is its units by its rates, and has its entry."""
    rows = await rows_of(
        database_url,
        "select u.*, e.amount_mc from usage_records as u left join ledger_entries as e"
        " on e.ref = u.request_id::text and e.account_id = u.account_id",
    )
    assert len(rows) == ROWS
    for row in rows:
        units = msgspec.json.decode(row["units"], type=dict[str, int])
        rates = msgspec.json.decode(row["rates"], type=dict[str, str])
        exact = sum((count * Decimal(rates[name]) for name, count in units.items()), Decimal(0))
        assert row["charge_mc"] == exact.to_integral_value(ROUND_CEILING)
        assert row["charge_mc"] == row["posted_mc"] == -(row["amount_mc"] or 0)
    assert len({row["model"] for row in rows}) > 1
    assert len({row["status"] for row in rows}) > 1


async def test_the_same_seed_makes_the_same_rows(
    accounts: list[SeededAccount], database_url: str, migration_database_url: str
) -> None:
    """So that a second time there is nothing new to make, and another seed makes others."""
    with pytest.raises(asyncpg.UniqueViolationError):
        await asyncio.to_thread(seeded_books, database_url, migration_database_url, rows=ROWS)
    others = await asyncio.to_thread(
        seeded_books, database_url, migration_database_url, rows=10, seed_number=2
    )
    assert not {one.account_id for one in others} & {one.account_id for one in accounts}


async def test_seeded_days_are_what_the_rows_add_up_to(
    accounts: list[SeededAccount], database_url: str, migration_database_url: str
) -> None:
    """As the owner's recount makes them."""
    query = "select * from usage_days order by account_id, day, key_id, model"
    seeded = await rows_of(database_url, query)
    assert seeded
    await rows_of(migration_database_url, "select recount_usage_days('-infinity')")
    assert await rows_of(database_url, query) == seeded


async def test_a_migration_fills_the_days_of_rows_that_are_there(
    accounts: list[SeededAccount], database_url: str, migration_database_url: str
) -> None:
    """A ledger that is older than its daily sums has them all afterwards."""
    query = "select * from usage_days order by account_id, day, key_id, model"
    seeded = await rows_of(database_url, query)
    owner = await asyncpg.connect(migration_database_url)
    await owner.execute(
        "drop table usage_days; drop function recount_usage_days;"
        " delete from schema_migrations where number = 10"
    )
    await owner.close()
    assert await migrate(migration_database_url) == ["0010_usage_days.sql"]
    assert await rows_of(database_url, query) == seeded
