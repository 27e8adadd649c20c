"""How the books are doing, asked of engines that may be away."""

import asyncpg
import pytest

from ledger.database import connect_pool
from ledger.pipeline import open_pipeline
from ledger.vital_signs import Pulse
from tests.support.books import Books


async def test_what_waits_is_counted(books: Books) -> None:
    """Records in the streams, changes that Redis has not been told of."""
    ada = await books.customer(1_000)
    await books.held(ada, 100)
    before = await Pulse(books.pool, books.pipeline).feel()
    await books.sweep(await books.held(ada, 100))
    await books.post(ada.account_id, 50)
    after = await Pulse(books.pool, books.pipeline).feel()
    assert before.ledger is not None
    assert after.ledger is not None
    assert (before.waiting_records, after.waiting_records) == (0, 1)
    assert after.ledger.unapplied_syncs == before.ledger.unapplied_syncs + 1


async def test_engines_are_asked_once_in_a_while(books: Books) -> None:
    """However often somebody scrapes."""
    pulse = Pulse(books.pool, books.pipeline)
    first = await pulse.feel()
    await books.sweep(await books.held(await books.customer(1_000), 100))
    assert await pulse.feel() is first


@pytest.fixture
async def no_postgres() -> asyncpg.Pool:
    return await connect_pool("postgresql://nobody@127.0.0.1:1/x", min_size=0, max_size=1)


async def test_an_engine_that_is_away_is_told_apart(
    books: Books, no_postgres: asyncpg.Pool
) -> None:
    """G10: the other one's numbers are still there."""
    without_ledger = await Pulse(no_postgres, books.pipeline).feel()
    assert without_ledger.ledger is None
    assert without_ledger.waiting_records == 0
    async with open_pipeline("redis://127.0.0.1:1") as away:
        without_redis = await Pulse(books.pool, away).feel()
    assert without_redis.waiting_records is None
    assert without_redis.ledger is not None
