"""The months of usage, and what the database refuses by itself."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from ledger.migrate import migrate
from tests.support.books import Books, Customer, call_of
from tests.support.records import truth_of


def id_of(moment: datetime) -> str:
    """A UUIDv7 of a moment."""
    milliseconds = int(moment.timestamp() * 1000)
    return str(UUID(int=(milliseconds << 80) | (7 << 76) | (2 << 62) | 5))


async def charged(books: Books, customer: Customer, request_id: str) -> str:
    """Writes a call with this id; the partition that its row is in."""
    request = call_of(customer, 10, request_id=request_id)
    await books.holds.reserve(request)
    await books.holds.settle(truth_of(request.orphan, 5))
    await books.write(customer)
    found = await books.value(
        "select tableoid::regclass::text from usage_records where request_id = $1", request_id
    )
    return str(found)


def first_of_month(months_ahead: int) -> datetime:
    now = datetime.now(UTC)
    month = now.year * 12 + now.month - 1 + months_ahead
    return datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("months_ahead", [0, 1, 3])
async def test_a_row_is_in_the_partition_of_the_month_in_its_id(
    books: Books, months_ahead: int
) -> None:
    """Partitions are made ahead of time, and meet without a gap at midnight UTC."""
    ada = await books.customer(1_000)
    first, after = first_of_month(months_ahead), first_of_month(months_ahead + 1)
    name = f"usage_records_{first:%Y_%m}"
    last = after - timedelta(milliseconds=1)
    for moment in (first, first + timedelta(days=9), last):
        assert await charged(books, ada, id_of(moment)) == name
    await books.assert_at_rest(ada)


@pytest.mark.parametrize(
    "request_id",
    [
        "00000000-0000-7000-8000-000000000001",
        "ffffffff-ffff-7fff-bfff-ffffffffffff",
        id_of(first_of_month(-1)),
        id_of(first_of_month(40)),
    ],
    ids=["the first", "the last", "of last month", "far ahead"],
)
async def test_an_id_of_no_month_that_is_made_lands_in_the_default_partition(
    books: Books, request_id: str
) -> None:
    """A worker's wrong clock loses nothing."""
    ada = await books.customer(1_000)
    assert await charged(books, ada, request_id) == "usage_records_default"
    await books.assert_at_rest(ada)


async def test_a_month_whose_rows_came_too_early_stays_in_the_default_partition(
    books: Books, migration_database_url: str
) -> None:
    """Neither the next migration nor the months after it fail because of them."""
    ada = await books.customer(1_000)
    early, later = first_of_month(5), first_of_month(6)
    assert await charged(books, ada, id_of(early)) == "usage_records_default"
    await books.execute("select ensure_usage_partitions(6)")
    assert await migrate(migration_database_url) == []
    assert await charged(books, ada, id_of(early + timedelta(days=1))) == "usage_records_default"
    assert await charged(books, ada, id_of(later)) == f"usage_records_{later:%Y_%m}"


async def test_partitions_are_made_once_by_many(books: Books) -> None:
    """Every writer asks for them every hour."""
    for _ in range(3):
        await books.execute("select ensure_usage_partitions(3)")
    query = "select count(*) from pg_inherits where inhparent = 'usage_records'::regclass"
    assert await books.value(query) >= 5


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("kind", "'other'"),
        ("basis", "'guessed'"),
        ("charge_mc", "-1"),
        ("ceiling_mc", "-1"),
        ("input_tokens", "-1"),
        ("request_id", "null"),
        ("posted_at", "null"),
        ("units", "null"),
    ],
)
async def test_damage_to_a_usage_row_is_refused_by_the_database(
    books: Books, column: str, value: str
) -> None:
    """Money columns are bigint with CHECKs; a row is complete or it is not."""
    ada = await books.customer(1_000)
    request_id = call_of(ada, 10).request_id
    await charged(books, ada, request_id)
    columns = [
        row["column_name"]
        for row in await books.rows(
            "select column_name from information_schema.columns"
            " where table_name = 'usage_records' order by ordinal_position"
        )
    ]
    values = [
        value if name == column else "gen_random_uuid()" if name == "request_id" else name
        for name in columns
    ]
    copy = f"insert into usage_records select {', '.join(values)} from usage_records"
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await books.execute(f"{copy} where request_id = $1", request_id)


async def test_g4_a_request_and_kind_is_written_once_also_by_the_databases_word(
    books: Books,
) -> None:
    """G4: the key is the remembered settlement id, in every partition."""
    ada = await books.customer(1_000)
    request_id = call_of(ada, 10).request_id
    await charged(books, ada, request_id)
    copy = "insert into usage_records select * from usage_records where request_id = $1"
    with pytest.raises(asyncpg.UniqueViolationError):
        await books.execute(copy, request_id)


async def test_a_balance_beyond_what_redis_counts_is_refused_by_the_database(books: Books) -> None:
    """Redis reads amounts as doubles: exact below 2^53."""
    ada = await books.customer(1_000)
    update = "update accounts set balance_mc = $2 where id = $1"
    for balance_mc in (2**53, -(2**53)):
        with pytest.raises(asyncpg.CheckViolationError):
            await books.execute(update, ada.account_id, balance_mc)
