"""What lists read to show a page: no more than the page has, however rare what is asked for."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from ledger.database import connect_pool
from ledger.pages import Position, Window
from ledger.queries import load_queries
from tests.bench.seeded_books import SeededAccount
from tests.support.seeded import seeded_books

ROWS = 20_000
LIMIT = 50
# A page, what the truth is in place of, and what else stands beside it in a leaf.
MOST_ROWS_READ = 3 * LIMIT
NOBODY = "01936f00-0000-7000-8000-000000000001"

_QUERIES = load_queries("reports")


@pytest.fixture(scope="module")
def accounts(database_url: str, migration_database_url: str) -> list[SeededAccount]:
    return seeded_books(database_url, migration_database_url, rows=ROWS)


@pytest.fixture
async def connection(
    database_url: str, migration_database_url: str, accounts: list[SeededAccount]
) -> AsyncIterator[asyncpg.Connection]:
    owner = await asyncpg.connect(migration_database_url)
    await owner.execute("analyze usage_records; analyze ledger_entries")
    await owner.close()
    pool = await connect_pool(database_url, min_size=0, max_size=1)
    async with pool.acquire() as opened, opened.transaction():
        await opened.execute(_QUERIES["plan_for_what_is_asked"])
        yield opened
    await pool.close()


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's nodes, from the top."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes_of(part)


async def rows_read(connection: asyncpg.Connection, query: str, *values: object) -> int:
    """How many rows a query took from tables and indexes, those that it threw away too."""
    text = await connection.fetchval(f"explain (analyze, format json) {_QUERIES[query]}", *values)
    read = 0
    for node in nodes_of(json.loads(text)[0]["Plan"]):
        if "Scan" in node["Node Type"]:
            found = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
            read += int(found * node["Actual Loops"])
    return read


def windows(accounts: list[SeededAccount]) -> list[Window]:
    """The newest page, and one far below."""
    deep = Position(accounts[0].posted_at.replace(month=7, day=20), accounts[0].account_id)
    return [Window(limit=LIMIT), Window(limit=LIMIT, below=deep)]


@pytest.mark.parametrize(
    ("model", "key", "status"),
    [
        (None, None, None),
        ("gpt-4o", None, None),
        ("no-such-model", None, None),
        (None, "own", None),
        (None, NOBODY, None),
        (None, None, "completed"),
        (None, None, "orphaned"),
        (None, None, "failed"),
        ("no-such-model", "own", "failed"),
    ],
)
async def test_a_page_of_usage_reads_no_more_than_it_shows(
    connection: asyncpg.Connection,
    accounts: list[SeededAccount],
    *,
    model: str | None,
    key: str | None,
    status: str | None,
) -> None:
    """At any depth, with any filter, of one account and of all."""
    whose = accounts[0]
    key_id = str(whose.key_ids[0]) if key == "own" else key
    for window in windows(accounts):
        values = (*window.bounds(), model, key_id, status, LIMIT + 1)
        for query, first in (("usage_of_account", (str(whose.account_id),)), ("usage_of_all", ())):
            assert await rows_read(connection, query, *first, *values) <= MOST_ROWS_READ


@pytest.mark.parametrize("entry_type", [None, "usage", "purchase", "grant", "dispute"])
async def test_a_page_of_the_ledger_reads_no_more_than_it_shows(
    connection: asyncpg.Connection, accounts: list[SeededAccount], entry_type: str | None
) -> None:
    """At any depth, with any type, of one account and of all."""
    whose = (str(accounts[0].account_id),)
    for window in windows(accounts):
        values = (*window.bounds(), entry_type, LIMIT + 1)
        for query, first in (("entries_of_account", whose), ("entries_of_all", ())):
            assert await rows_read(connection, query, *first, *values) <= MOST_ROWS_READ
