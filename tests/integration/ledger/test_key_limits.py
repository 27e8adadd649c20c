"""A key's monthly limit, enforced where credits are held."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ledger.errors import KeyLimitReachedError, NotEnoughCreditsError
from ledger.holds import Holds
from ledger.pipeline import open_pipeline
from ledger.redis_copy import RedisWorkingCopy
from ledger.redis_keys import account_keys
from ledger.scripts import load_script
from tests.support.books import MOST_UNWRITTEN, TTL_S, Books, Customer, call_of
from tests.support.records import truth_of
from tests.support.spent_limits import (
    LIMIT_MC,
    assert_ties,
    fields_of,
    limited,
    next_month,
    second_key,
    spent,
    this_month,
)


async def test_a_call_that_the_limit_does_not_carry_holds_nothing_and_says_why(
    books: Books,
) -> None:
    """The limit, what is spent and held of it, when it begins anew, and what the account has."""
    ada = await limited(books)
    held = await books.held(ada, 600)
    with pytest.raises(KeyLimitReachedError) as refused:
        await books.holds.reserve(call_of(ada, 401))
    error = refused.value
    assert (error.limit_mc, error.spent_mc, error.available_mc) == (1_000, 600, 99_400)
    assert error.resets_at == next_month()
    assert set(await books.filed(ada)) == {held.request_id}
    assert await books.holds.reserve(call_of(ada, 400)) == 400


async def test_a_call_that_may_hold_less_holds_what_is_left_of_the_limit(books: Books) -> None:
    """A clamp is by the smaller of what is available and what is left."""
    ada = await limited(books)
    assert await books.holds.reserve(call_of(ada, 5_000, 100)) == 1_000
    with pytest.raises(KeyLimitReachedError):
        await books.holds.reserve(call_of(ada, 5_000, 1))
    poor = await limited(books, amount_mc=300)
    assert await books.holds.reserve(call_of(poor, 5_000, 100)) == 300
    with pytest.raises(NotEnoughCreditsError):
        await books.holds.reserve(call_of(poor, 800, 800))


async def test_other_keys_of_the_account_do_not_feel_it(books: Books) -> None:
    """A limit is of one key; a call that costs nothing passes any limit."""
    ada = await limited(books, limit_mc=1)
    other = await second_key(books, ada)
    assert await books.holds.reserve(call_of(other, 50_000)) == 50_000
    assert await books.holds.reserve(call_of(ada, 1)) == 1
    assert await books.holds.reserve(call_of(ada, 0)) == 0
    assert len(await fields_of(books, ada)) == 3


async def test_g1_simultaneous_calls_over_two_workers_never_pass_the_limit(
    books: Books, redis_url: str
) -> None:
    """G1: of 200 calls of one key exactly those are held that its limit pays for."""
    ada = await limited(books)
    async with open_pipeline(redis_url) as pipeline:
        working_copy = RedisWorkingCopy(pipeline, books.pool)
        another = Holds(pipeline, working_copy, ttl_s=TTL_S, max_unwritten=MOST_UNWRITTEN)
        calls = [call_of(ada, 30) for _ in range(200)]
        outcomes = await asyncio.gather(
            *((books.holds, another)[n % 2].reserve(call) for n, call in enumerate(calls)),
            return_exceptions=True,
        )
        admitted = [
            call
            for call, outcome in zip(calls, outcomes, strict=True)
            if not isinstance(outcome, KeyLimitReachedError)
        ]
        assert len(admitted) == LIMIT_MC // 30
        assert await spent(books, ada) == 30 * len(admitted)
        ends = [truth_of(call.orphan, n % 31) for n, call in enumerate(admitted)]
        more = [call_of(ada, 30, 1) for _ in range(200)]
        await asyncio.gather(
            *(another.settle(end) for end in ends),
            *(books.holds.reserve(call) for call in more),
            return_exceptions=True,
        )
    assert await spent(books, ada) <= LIMIT_MC
    for call in more:
        if call.request_id in await books.filed(ada):
            await books.holds.settle(truth_of(call.orphan, 0))
    await assert_ties(books, ada, sum(end.charge_mc for end in ends))


@pytest.mark.parametrize("charge_mc", [0, 40, 100, 130])
async def test_settling_gives_back_what_was_not_used_once(books: Books, charge_mc: int) -> None:
    """G4: released, used in part, used up, or more than was allowed; however often it is sent."""
    ada = await limited(books)
    request = await books.held(ada, 100)
    assert await spent(books, ada) == 100
    for _ in range(3):
        await books.holds.settle(truth_of(request.orphan, charge_mc))
        assert await spent(books, ada) == charge_mc
    await assert_ties(books, ada, charge_mc)


async def test_a_reserve_that_is_asked_again_counts_once(books: Books) -> None:
    """G4: the answer was lost on its way; the same hold is the answer."""
    ada = await limited(books)
    request = call_of(ada, 100)
    for _ in range(3):
        assert await books.holds.reserve(request) == 100
    assert await spent(books, ada) == 100


@pytest.mark.parametrize("truth_mc", [0, 20, 40, 90])
async def test_an_orphan_counts_by_its_estimate_until_its_truth_comes(
    books: Books, truth_mc: int
) -> None:
    """The truth reaches the limit as it reaches the balance: by the number of its correction."""
    ada = await limited(books)
    request = await books.held(ada, 100, orphan_mc=40)
    await books.sweep(request)
    assert await spent(books, ada) == 40
    await books.write(ada)
    await books.holds.settle(truth_of(request.orphan, truth_mc))
    assert await spent(books, ada) == 40
    await assert_ties(books, ada, truth_mc)


async def test_an_orphan_and_its_truth_in_one_batch_count_as_the_truth(books: Books) -> None:
    """Whatever the order of writing."""
    ada = await limited(books)
    request = await books.held(ada, 100, orphan_mc=40)
    await books.sweep(request)
    await books.holds.settle(truth_of(request.orphan, 70))
    await assert_ties(books, ada, 70)


async def test_a_redis_that_lost_the_account_counts_as_before(books: Books) -> None:
    """Section 4a, 6: what is written, what is held, and what is taken but not written."""
    ada = await limited(books)
    written, unwritten, held = [await books.held(ada, 100) for _ in range(3)]
    await books.holds.settle(truth_of(written.orphan, 7))
    entries = await books.stream.read(ada.partition, 10)
    await books.writer._commit(ada.partition, entries)  # the writer dies before it acknowledges
    await books.holds.settle(truth_of(unwritten.orphan, 30))
    before = await fields_of(books, ada)
    assert await spent(books, ada) == 137
    await books.lose_account(ada)
    await books.working_copy.ensure(ada.account_id)
    assert await fields_of(books, ada) == before
    await books.holds.settle(truth_of(held.orphan, 1))
    await assert_ties(books, ada, 38)


async def test_a_call_whose_hold_was_lost_counts_once_it_is_written(books: Books) -> None:
    """A Redis that lost all knows only the ledger; the worker sends its settlement again."""
    ada = await limited(books)
    request = await books.held(ada, 100)
    await books.redis.flushall()
    await books.holds.settle(truth_of(request.orphan, 60))
    await books.working_copy.ensure(ada.account_id)
    assert await spent(books, ada) == 0
    await assert_ties(books, ada, 60)


async def into_last_month(books: Books, whose: Customer) -> None:
    """As if all that is counted had been counted in the month before."""
    last = f"{next_month() - timedelta(days=40):%Y%m}"
    keys = account_keys(whose.account_id)
    await books.redis.hset(keys.account, f"month:{whose.key_id}", last)
    for request_id, value in (await books.filed(whose)).items():
        moved = value.replace(f"{this_month()}:{whose.key_id}", f"{last}:{whose.key_id}")
        await books.redis.hset(keys.holds, request_id, moved)


async def test_a_month_begins_anew_and_takes_the_place_of_the_last_one(books: Books) -> None:
    """Calls belong to the month in which they began; counters of old months do not pile up."""
    ada = await limited(books)
    old = await books.held(ada, 1_000)
    with pytest.raises(KeyLimitReachedError):
        await books.held(ada, 1)
    await into_last_month(books, ada)
    new = await books.held(ada, 300)
    assert await spent(books, ada) == 300
    await books.holds.settle(truth_of(old.orphan, 900))
    assert await spent(books, ada) == 300
    await books.holds.settle(truth_of(new.orphan, 200))
    assert await spent(books, ada) == 200
    assert await fields_of(books, ada) == {
        f"limit:{ada.key_id}": "1000",
        f"month:{ada.key_id}": this_month(),
        f"spent:{ada.key_id}": "200",
    }


async def test_a_clock_that_goes_back_does_not_begin_a_month_twice(books: Books) -> None:
    """A replica that took over a moment before a month's end goes on in the new month."""
    ada = await limited(books)
    ahead = f"{next_month():%Y%m}"
    name = account_keys(ada.account_id).account
    await books.redis.hset(name, f"month:{ada.key_id}", ahead)
    await books.held(ada, 600)
    with pytest.raises(KeyLimitReachedError) as refused:
        await books.held(ada, 600)
    assert refused.value.spent_mc == 600
    assert refused.value.resets_at > next_month()


async def test_the_month_of_a_moment_is_that_of_the_calendar(books: Books) -> None:
    """In Lua as in Python, on both sides of every month's end, leap years too."""
    text = load_script("reserve").text.partition("\n")[2]
    functions = text[: text.index("local account,")]
    first = datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC)
    moments = [first]
    for _ in range(12 * 105):
        following = (moments[-1] + timedelta(seconds=1) + timedelta(days=32)).replace(day=1)
        moments.append(following.replace(hour=0, minute=0, second=0) - timedelta(seconds=1))
    moments += [moment + timedelta(seconds=1) for moment in moments]
    script = (
        f"{functions}\nlocal r = {{}}\nfor i = 1, #ARGV do r[i] = month_of(ARGV[i]) end\nreturn r"
    )
    said = await books.redis.eval(script, 0, *(int(moment.timestamp()) for moment in moments))
    assert [month.decode() for month in said] == [f"{moment:%Y%m}" for moment in moments]
