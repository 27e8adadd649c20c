"""Limits of keys that are set, changed and lifted while calls go on."""

import pytest

from ledger.errors import KeyLimitReachedError, KeyRevokedError
from ledger.holds import ReserveRequest
from ledger.ids import new_id
from ledger.redis_keys import account_keys
from tests.support.books import Books, Customer, call_of
from tests.support.records import truth_of
from tests.support.spent_limits import (
    LIMIT_MC,
    assert_ties,
    fields_of,
    limited,
    second_key,
    set_limit,
    spent,
    this_month,
)


async def test_a_limit_that_is_set_later_counts_the_month_so_far_and_what_is_held(
    books: Books,
) -> None:
    """From the ledger, and from the calls that are under way."""
    ada = await books.customer(100_000)
    other = await second_key(books, ada)
    for charge_mc in (150, 50):
        request = await books.held(ada, 200)
        await books.holds.settle(truth_of(request.orphan, charge_mc))
    await books.held(other, 5_000)
    await books.write(ada)
    under_way = await books.held(ada, 300)
    await set_limit(books, ada, LIMIT_MC)
    assert await spent(books, ada) == 500
    with pytest.raises(KeyLimitReachedError):
        await books.held(ada, 501)
    await books.holds.settle(truth_of(under_way.orphan, 10))
    await assert_ties(books, ada, 210)


async def test_what_is_not_written_when_a_limit_is_set_is_not_counted(books: Books) -> None:
    """It is a moment's calls; the next rebuild knows them, and so does the list of keys."""
    ada = await books.customer(100_000)
    request = await books.held(ada, 200)
    await books.holds.settle(truth_of(request.orphan, 200))
    await set_limit(books, ada, LIMIT_MC)
    await books.write(ada)
    assert await spent(books, ada) == 0
    [key] = await books.keys.of_account(ada.account_id)
    assert key.spent_this_month_mc == 200
    await books.lose_account(ada)
    await books.held(ada, 1)
    assert await spent(books, ada) == 201


async def test_another_limit_takes_nothing_of_what_is_spent_away(books: Books) -> None:
    """Raised, lowered below what is spent, and raised again: at once, for the next call."""
    ada = await limited(books)
    request = await books.held(ada, 600)
    await set_limit(books, ada, 500)
    with pytest.raises(KeyLimitReachedError) as refused:
        await books.held(ada, 1)
    assert (refused.value.limit_mc, refused.value.spent_mc) == (500, 600)
    await set_limit(books, ada, 700)
    await books.held(ada, 100)
    await books.holds.settle(truth_of(request.orphan, 600))
    assert await spent(books, ada) == 700


async def test_a_limit_that_is_lifted_and_set_again_counts_the_same_calls(books: Books) -> None:
    """While calls are under way that began with the limit, and without it."""
    ada = await limited(books)
    first = await books.held(ada, 600)
    await set_limit(books, ada, None)
    assert await fields_of(books, ada) == {}
    second = await books.held(ada, 5_000)
    await set_limit(books, ada, LIMIT_MC)
    assert await spent(books, ada) == 5_600
    await books.holds.settle(truth_of(first.orphan, 100))
    await books.holds.settle(truth_of(second.orphan, 200))
    assert await spent(books, ada) == 300
    await assert_ties(books, ada, 300)


async def test_a_call_that_ends_after_its_limit_was_lifted_leaves_nothing(books: Books) -> None:
    """What is counted nowhere is given back nowhere."""
    ada = await limited(books)
    request, orphan = await books.held(ada, 600), await books.held(ada, 100)
    await set_limit(books, ada, None)
    await books.holds.settle(truth_of(request.orphan, 100))
    await books.sweep(orphan)
    await books.write(ada)
    await books.holds.settle(truth_of(orphan.orphan, 1))
    await books.write(ada)
    assert await fields_of(books, ada) == {}
    await books.assert_at_rest(ada)


async def test_a_hold_of_an_older_version_is_settled_as_ever(books: Books) -> None:
    """It says nothing of a limit, so nothing is given back to one."""
    ada = await limited(books)
    request = await books.held(ada, 100)
    filed = (await books.filed(ada))[request.request_id]
    older = filed.replace(f"{this_month()}:{ada.key_id} ", "")
    assert older != filed
    keys = account_keys(ada.account_id)
    await books.redis.hset(keys.holds, request.request_id, older)
    await books.holds.settle(truth_of(request.orphan, 60))
    assert (await books.filed(ada))[request.request_id] == "T settled 60 1"
    await books.write(ada)
    await books.assert_at_rest(ada)


async def test_a_change_of_an_older_version_leaves_the_limit(books: Books) -> None:
    """A row that says nothing of limits is of the key's state only."""
    ada = await limited(books)
    await books.held(ada, 100)
    before = await fields_of(books, ada)
    for state in ("suspended", "active"):
        await books.execute(
            "with numbered as (update accounts set last_sync_number = last_sync_number + 1"
            " where id = $1 returning last_sync_number)"
            " insert into balance_syncs (account_id, number, key_id, key_state, reason)"
            " select $1, last_sync_number, $2, $3, 'older' from numbered",
            *(ada.account_id, ada.key_id, state),
        )
    await books.working_copy.apply_syncs(ada.account_id)
    assert await fields_of(books, ada) == before


async def test_a_key_with_a_limit_is_limited_from_its_first_call_and_revoked_at_once(
    books: Books,
) -> None:
    """Its state and its limit arrive together."""
    ada = await books.customer(100_000)
    created = await books.keys.create(ada.account_id, "second", monthly_limit_mc=50)
    new = Customer(ada.account_id, created.api_key.key_id, created.text)
    with pytest.raises(KeyLimitReachedError):
        await books.holds.reserve(call_of(new, 51))  # Redis hears of the key by this call
    assert await books.holds.reserve(call_of(new, 50)) == 50
    await books.keys.revoke(new.key_id, account_id=ada.account_id)
    await books.working_copy.apply_syncs(ada.account_id)
    with pytest.raises(KeyRevokedError):
        await books.holds.reserve(call_of(new, 0))


async def test_a_limit_may_be_as_large_as_redis_can_count(books: Books) -> None:
    """Amounts move digit by digit."""
    most_mc = 2**53 - 1
    ada = await limited(books, amount_mc=most_mc, limit_mc=most_mc)
    request = await books.held(ada, most_mc)
    assert await spent(books, ada) == most_mc
    await books.holds.settle(truth_of(request.orphan, most_mc - 1))
    await assert_ties(books, ada, most_mc - 1)


async def test_a_record_cannot_pass_for_another_keys(books: Books) -> None:
    """A model may be called anything: what is adopted is by the record's own key."""
    ada = await books.customer(100_000)
    name = f'"key_id":"{ada.key_id}"'
    other = await second_key(books, ada)
    await books.held(other, 100, model=name)
    request: ReserveRequest = await books.held(ada, 70, model=f'"key_id":"{new_id()}"')
    await set_limit(books, ada, LIMIT_MC)
    assert await spent(books, ada) == 70
    await books.holds.settle(truth_of(request.orphan, 5))
    assert await spent(books, ada) == 5
