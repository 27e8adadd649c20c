"""Reserving credits."""

import asyncio

import pytest

from ledger.errors import (
    AccountUnknownError,
    BacklogFullError,
    KeyRevokedError,
    NotEnoughCreditsError,
    ReservationClosedError,
)
from ledger.ids import new_id
from ledger.redis_keys import account_keys
from ledger.working_copy import WorkingBalance
from pricing.money import LARGEST_MC
from tests.support.books import TTL_S, Books, Customer, call_of, open_books
from tests.support.records import truth_of


async def test_a_hold_takes_its_ceiling_and_has_a_deadline(books: Books) -> None:
    """Section 4a, 1: available becomes held, until a deadline by Redis' own clock."""
    ada = await books.customer(100)
    before_s, _ = await books.redis.time()
    request = await books.held(ada, 30, orphan_mc=12)
    after_s, _ = await books.redis.time()
    assert await books.in_redis(ada) == WorkingBalance(70, 30, 0)
    filed = await books.filed(ada)
    assert filed[request.request_id].startswith("H 30 12 {")
    shared = account_keys(ada.account_id).shared
    deadline_ms = await books.redis.zscore(
        shared.deadlines, f"{ada.account_id}/{request.request_id}"
    )
    assert before_s <= deadline_ms / 1000 - TTL_S <= after_s + 1
    assert await books.waiting(ada) == 0


async def test_asked_again_the_answer_is_the_same_and_nothing_more_is_held(books: Books) -> None:
    """Reserve is idempotent by the request id, whatever has happened to key and balance since."""
    ada = await books.customer(100)
    request = call_of(ada, 60, 10)
    assert [await books.holds.reserve(request) for _ in range(3)] == [60, 60, 60]
    await books.keys.revoke(ada.key_id)
    await books.post(ada.account_id, -50, tell=True)
    assert await books.holds.reserve(request) == 60
    assert await books.in_redis(ada) == WorkingBalance(-10, 60, 0)


@pytest.mark.parametrize(
    ("funds_mc", "bounds_mc", "held_mc", "orphan_mc"),
    [
        (100, (100, 100), 100, 50),
        (100, (150, 10), 100, 75),
        (100, (150, 100), 100, 75),
        (40, (150, 10), 40, 40),  # the orphan charge is never more than the hold
        (100, (0, 0), 0, 0),
        (0, (0, 0), 0, 0),
    ],
)
async def test_a_hold_is_what_is_available_between_minimum_and_maximum(
    books: Books, funds_mc: int, bounds_mc: tuple[int, int], held_mc: int, orphan_mc: int
) -> None:
    """The clamp: the script holds what it can and says how much."""
    ada = await books.customer(funds_mc)
    request = call_of(ada, *bounds_mc)
    assert await books.holds.reserve(request) == held_mc
    assert await books.in_redis(ada) == WorkingBalance(funds_mc - held_mc, held_mc, 0)
    assert (await books.filed(ada))[request.request_id].startswith(f"H {held_mc} {orphan_mc} {{")


@pytest.mark.parametrize("balance_mc", [99, 0, -5])
async def test_g1_what_is_not_there_is_not_held(books: Books, balance_mc: int) -> None:
    """G1: a millicredit short is short; the refusal says what is available and what is held."""
    ada = await books.customer(50)
    held = await books.held(ada, 50)
    await books.post(ada.account_id, balance_mc or 1)
    if not balance_mc:
        await books.post(ada.account_id, -1)
    await books.working_copy.apply_syncs(ada.account_id)
    for minimum_mc in (100, max(balance_mc + 1, 0)):
        request = call_of(ada, 100, minimum_mc)
        with pytest.raises(NotEnoughCreditsError) as refused:
            await books.holds.reserve(request)
        assert (refused.value.available_mc, refused.value.held_mc) == (balance_mc, 50)
    assert list(await books.filed(ada)) == [held.request_id]
    assert await books.in_redis(ada) == WorkingBalance(balance_mc, 50, 0)


async def test_g1_a_thousand_calls_at_once_hold_no_more_than_there_is(
    books: Books, database_url: str, redis_url: str
) -> None:
    """G1: over two workers, each with connections of its own."""
    ada = await books.customer(1_000)
    async with open_books(database_url, redis_url) as other:
        calls = [
            (books, other)[number % 2].holds.reserve(call_of(ada, 7)) for number in range(1_000)
        ]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert outcomes.count(7) == 142
    refused = [outcome for outcome in outcomes if outcome != 7]
    assert {type(outcome) for outcome in refused} == {NotEnoughCreditsError}
    assert await books.in_redis(ada) == WorkingBalance(6, 994, 0)


async def test_a_revoked_key_stops_at_once(books: Books) -> None:
    """Whether a key is still good is asked inside the script, with every call."""
    ada = await books.customer(100)
    await books.keys.revoke(ada.key_id)
    await books.working_copy.apply_syncs(ada.account_id)
    with pytest.raises(KeyRevokedError):
        await books.holds.reserve(call_of(ada, 10))
    assert await books.in_redis(ada) == WorkingBalance(100, 0, 0)


async def test_a_key_that_was_made_a_moment_ago_is_good(books: Books) -> None:
    """Its sync has not arrived: it is fetched; so is the grant that came before it."""
    ada = await books.customer()
    await books.post(ada.account_id, 30)
    created = await books.keys.create(ada.account_id, "second")
    second = Customer(ada.account_id, created.api_key.key_id, created.text)
    assert await books.holds.reserve(call_of(second, 30)) == 30


async def test_a_key_of_another_account_is_no_key(books: Books) -> None:
    """G12: tenants apart, also where a worker had mixed them up."""
    ada, bob = await books.customer(100), await books.customer(100)
    mixed = Customer(ada.account_id, bob.key_id, bob.key)
    for _ in range(2):
        with pytest.raises(KeyRevokedError):
            await books.holds.reserve(call_of(mixed, 10))
    assert await books.filed(ada) == {}


async def test_an_account_that_nobody_has_is_unknown(books: Books) -> None:
    """Nothing is made up in Redis for it."""
    nobody = Customer(new_id(), new_id(), "")
    with pytest.raises(AccountUnknownError):
        await books.holds.reserve(call_of(nobody, 0))
    assert await books.in_redis(nobody) is None


async def test_a_lost_account_is_rebuilt_before_its_next_call(books: Books) -> None:
    """Calls at the same time share the rebuild, and each is held against the same balance."""
    ada = await books.customer(100)
    await books.lose_account(ada)
    outcomes = await asyncio.gather(
        *(books.holds.reserve(call_of(ada, 30)) for _ in range(10)), return_exceptions=True
    )
    assert outcomes.count(30) == 3
    assert await books.in_redis(ada) == WorkingBalance(10, 90, 0)


async def test_g10_a_writer_that_is_too_far_behind_stops_new_calls_and_no_old_ones(
    books: Books, database_url: str, redis_url: str
) -> None:
    """G10: up to a set backlog the stream holds the records; then no more holds are made."""
    async with open_books(database_url, redis_url, max_unwritten=2) as limited:
        ada = await limited.customer(1_000)
        requests = [await limited.held(ada, 10) for _ in range(4)]
        for request in requests[:2]:
            await limited.holds.settle(truth_of(request.orphan, 5))
        with pytest.raises(BacklogFullError):
            await limited.holds.reserve(call_of(ada, 10))
        for request in requests[2:]:
            assert await limited.holds.reserve(request) == 10
            await limited.holds.settle(truth_of(request.orphan, 5))
        assert await limited.waiting(ada) == 4
        assert await limited.write(ada) == 4
        assert await limited.holds.reserve(call_of(ada, 10)) == 10


async def test_a_request_that_has_ended_is_not_held_again(books: Books) -> None:
    """G4: a release that overtook a repeated reserve closes it for good."""
    ada = await books.customer(100)
    request = await books.held(ada, 10)
    await books.holds.settle(truth_of(request.orphan, 0))
    with pytest.raises(ReservationClosedError):
        await books.holds.reserve(request)
    assert await books.in_redis(ada) == WorkingBalance(100, 0, 0)


async def test_amounts_near_the_limit_are_counted_exactly(books: Books) -> None:
    """Amounts stay below 2^53 and are never written with an exponent."""
    ada = await books.customer(LARGEST_MC)
    assert await books.in_redis(ada) == WorkingBalance(LARGEST_MC, 0, 0)
    request = await books.held(ada, LARGEST_MC - 1, orphan_mc=LARGEST_MC - 2)
    assert await books.in_redis(ada) == WorkingBalance(1, LARGEST_MC - 1, 0)
    with pytest.raises(NotEnoughCreditsError):
        await books.holds.reserve(call_of(ada, 2))
    settled = await books.holds.settle(truth_of(request.orphan, LARGEST_MC - 4))
    assert settled.balance_mc == 4
    assert await books.in_redis(ada) == WorkingBalance(4, 0, LARGEST_MC - 4)
    await books.lose_account(ada)
    await books.working_copy.ensure(ada.account_id)
    assert await books.in_redis(ada) == WorkingBalance(4, 0, LARGEST_MC - 4)
    await books.write(ada)
    await books.assert_at_rest(ada)
