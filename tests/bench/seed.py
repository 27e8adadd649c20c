"""`make seed`: fills the database with made-up calls and their ledger entries, for benches.

Everything reconciles: chains, balances, charges recomputed from the rows. The same arguments make
the same rows. Writes to the database of TOLLGATE_DATABASE_URL, else to that of `make run` here.
"""

import argparse
import asyncio
import io
import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import asyncpg
import msgspec

from config.rate_book import load_rate_book
from config.rates import RateTable
from config.settings import config_folder, load_settings
from ledger.database import APPLICATION_ROLE
from ledger.ids import partition_of
from proxy.cli.environment import load_environment, required
from tests.bench.seeded_books import (
    ACCOUNT_COLUMNS,
    ENTRY_COLUMNS,
    KEY_COLUMNS,
    SYNC_COLUMNS,
    USAGE_COLUMNS,
    BookMaker,
    Lines,
    SeededAccount,
    seeded_accounts,
)
from tests.bench.seeded_calls import seeded_models

ROWS_AT_ONCE = 20_000

_MONTH = """
    create table if not exists usage_records_{name} partition of usage_records
    for values from ('{first}') to ('{last}')
"""
_RATES = """
    insert into rate_versions (version, content) values ($1, $2) on conflict (version) do nothing
"""
_DAYS = """
    insert into usage_days (account_id, day, key_id, model, calls, charged_mc, last_at)
    select account_id, (posted_at at time zone 'UTC')::date as day, key_id, model, count(*),
        sum(posted_mc), max(created_at)
    from usage_records where account_id = any($1::uuid[]) group by account_id, day, key_id, model
"""
_BALANCES = """
    update accounts set balance_mc = $2, last_sequence = $3, last_posted_at = $4,
        last_sync_number = $5, applied_sync_number = $5
    where id = $1
"""


class Span(NamedTuple):
    """So many calls, evenly over a time."""

    rows: int
    start: datetime
    end: datetime


async def seed(
    environment: Mapping[str, str],
    *,
    rows: int,
    accounts: int,
    days: int,
    seed_number: int = 1,
    until: datetime | None = None,
) -> list[SeededAccount]:
    """Makes `rows` calls of `accounts` new accounts over `days` days before `until`."""
    end = until or datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    span = Span(rows, end - timedelta(days=days), end)
    return await seed_spans(environment, [span], accounts=accounts, seed_number=seed_number)


async def seed_spans(
    environment: Mapping[str, str], spans: Sequence[Span], *, accounts: int, seed_number: int
) -> list[SeededAccount]:
    """Makes the calls of spans that follow each other, of new accounts."""
    start, end = spans[0].start, spans[-1].end
    settings = load_settings(config_folder(environment), environment)
    book = load_rate_book(config_folder(environment), frozenset(settings.upstreams))
    table = book.table_at(int(time.time()))
    made = seeded_accounts(accounts, start - timedelta(hours=1), seed_number)
    maker = BookMaker(made, seeded_models(table), rate_version=table.version, seed=seed_number)
    await _make_months(environment, start, end)
    connection = await asyncpg.connect(required(environment, "TOLLGATE_DATABASE_URL"))
    try:
        await connection.execute(f"set role {APPLICATION_ROLE}")
        async with connection.transaction():
            await _insert_rates(connection, table)
            await _copy_accounts(connection, made, start)
            await _copy_calls(connection, maker, spans)
            await connection.execute(_DAYS, [account.account_id for account in made])
            for account in made:
                await _update_balance(connection, account)
    finally:
        await connection.close()
    return made


async def _copy_calls(
    connection: asyncpg.Connection, maker: BookMaker, spans: Sequence[Span]
) -> None:
    done, rows = 0, sum(span.rows for span in spans)
    for span in spans:
        for lines in maker.lines(span.rows, span.start, span.end, ROWS_AT_ONCE):
            await _copy_lines(connection, lines)
            done += len(lines.usage)
            _show(done, rows)


async def _make_months(environment: Mapping[str, str], start: datetime, end: datetime) -> None:
    """Partitions for the months, as a database has them that was there then; needs the owner."""
    url = environment.get("TOLLGATE_MIGRATION_DATABASE_URL")
    if not url:
        return
    connection = await asyncpg.connect(url)
    month = (start - timedelta(days=1)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    try:
        while month < end:
            following = (month + timedelta(days=32)).replace(day=1)
            bounds = [
                await connection.fetchval("select uuid_floor($1)", at) for at in (month, following)
            ]
            await connection.execute(
                _MONTH.format(name=f"{month:%Y_%m}", first=bounds[0], last=bounds[1])
            )
            month = following
    finally:
        await connection.close()


async def _insert_rates(connection: asyncpg.Connection, table: RateTable) -> None:
    content = msgspec.json.encode(table.models).decode()
    await connection.execute(_RATES, table.version, content)


async def _copy_accounts(
    connection: asyncpg.Connection, accounts: Sequence[SeededAccount], start: datetime
) -> None:
    rows = [
        f"{one.account_id}\tBench {place:03}\tbench{place:03}@example.com\t"
        f"{partition_of(str(one.account_id))}\t{one.posted_at}\n"
        for place, one in enumerate(accounts, 1)
    ]
    keys = [
        f"{key_id}\t{one.account_id}\tkey {place}\tsk-tg-{key_id.hex[-6:]}\t"
        f"\\\\x{key_id.hex * 2}\t{start}\n"
        for one in accounts
        for place, key_id in enumerate(one.key_ids, 1)
    ]
    await _copy(connection, "accounts", ACCOUNT_COLUMNS, rows)
    await _copy(connection, "api_keys", KEY_COLUMNS, keys)


async def _copy_lines(connection: asyncpg.Connection, lines: Lines) -> None:
    await _copy(connection, "ledger_entries", ENTRY_COLUMNS, lines.entries)
    await _copy(connection, "usage_records", USAGE_COLUMNS, lines.usage)
    await _copy(connection, "balance_syncs", SYNC_COLUMNS, lines.syncs)


async def _copy(
    connection: asyncpg.Connection, table: str, columns: Sequence[str], lines: Sequence[str]
) -> None:
    source = io.BytesIO("".join(lines).encode())
    await connection.copy_to_table(table, source=source, columns=list(columns), format="text")


async def _update_balance(connection: asyncpg.Connection, account: SeededAccount) -> None:
    state = account.state
    await connection.execute(
        _BALANCES,
        account.account_id,
        state.balance_mc,
        state.last_sequence,
        account.posted_at,
        state.last_sync_number,
    )


def _show(done: int, rows: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done:,} of {rows:,} calls")


def main() -> None:
    """Seeds, and says how long it took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000, help="usage rows (default: 100000)")
    parser.add_argument("--accounts", type=int, default=50, help="new accounts (default: 50)")
    parser.add_argument("--days", type=int, default=90, help="how far back they go (default: 90)")
    parser.add_argument("--seed", type=int, default=1, help="another number makes other rows")
    parser.add_argument(
        "--until", type=_day, help="the day before which they end, as 2026-11-01 (default: today)"
    )
    given = parser.parse_args()
    began_s = time.monotonic()
    try:
        made = asyncio.run(
            seed(
                load_environment(os.environ),
                rows=given.rows,
                accounts=given.accounts,
                days=given.days,
                seed_number=given.seed,
                until=given.until,
            )
        )
    except asyncpg.UniqueViolationError:
        sys.exit("These rows are there already; another --seed makes others.")
    took_s = time.monotonic() - began_s
    balance_mc = sum(account.state.balance_mc for account in made)
    sys.stdout.write(
        f"{given.rows:,} calls of {given.accounts} accounts in {took_s:.0f} s; "
        f"their balances add up to {balance_mc} mc. The first is {made[0].account_id}.\n"
    )


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


if __name__ == "__main__":
    main()
