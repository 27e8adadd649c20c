"""The ledger can only grow."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from ledger.database import acquired
from tests.support.people import Desk, grant_of, minute


@pytest.mark.parametrize("table", ["ledger_entries", "usage_records", "balance_syncs", "expiries"])
@pytest.mark.parametrize("change", ["update {} set {} = {}", "delete from {}", "truncate {}"])
async def test_g6_the_application_cannot_change_or_delete_what_was_written(
    desk: Desk, table: str, change: str
) -> None:
    """G6: the application's role cannot UPDATE, DELETE or TRUNCATE, in no partition either."""
    account = await desk.account_with(1_000)
    await desk.use(account.account_id, minute(0))
    async with acquired(desk.pool) as connection:
        partitions = await connection.fetch(
            "select inhrelid::regclass::text as name from pg_inherits"
            " where inhparent = $1::text::regclass and inhrelid::regclass::text !~ 'idx|pkey'",
            table,
        )
        assert bool(partitions) == (table == "usage_records")
        for name in (table, *(row["name"] for row in partitions)):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(change.format(name, "account_id", "account_id"))


async def test_g6_a_break_in_a_chain_is_refused_by_the_database(desk: Desk) -> None:
    """G6: an entry that does not go on where the last one ended cannot be inserted."""
    account = await desk.account_with(1_000)
    insert = (
        "insert into ledger_entries (id, transaction_id, account_id, sequence, posted_at,"
        " entry_type, amount_mc, balance_before_mc, balance_after_mc, counter_account, actor)"
        " values (gen_random_uuid(), gen_random_uuid(), $1, $2, now(), 'grant', 5, $3, $4,"
        " 'x', 'y')"
    )
    async with acquired(desk.pool) as connection:
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await connection.execute(insert, account.account_id, 2, 999, 1_004)
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await connection.execute(insert, account.account_id, 3, 1_000, 1_005)
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(insert, account.account_id, 2, 1_000, 1_006)
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(insert, account.account_id, 1, 0, 5)
        await connection.execute(insert, account.account_id, 2, 1_000, 1_005)


async def test_g6_of_a_lot_only_what_is_left_can_change(desk: Desk) -> None:
    """G6: whose it is, what it began with and when it expires stay; it cannot be overdrawn."""
    account = await desk.account_with(0)
    in_a_year = datetime.now(UTC) + timedelta(days=365)
    await desk.entries.post(grant_of(account.account_id, 100, expires_at=in_a_year))
    async with acquired(desk.pool) as connection:
        for change in ("expires_at = now()", "amount_mc = 5", "account_id = account_id"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"update credit_lots set {change}")
        for statement in ("delete from credit_lots", "truncate credit_lots"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        for remaining_mc in (-1, 101):
            with pytest.raises(asyncpg.CheckViolationError):
                await connection.execute("update credit_lots set remaining_mc = $1", remaining_mc)
