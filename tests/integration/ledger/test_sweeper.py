"""Settling what dead workers have left."""

import asyncio

import pytest

from ledger.errors import RedisUnavailableError
from ledger.holds import ReserveRequest
from ledger.redis_keys import account_keys
from ledger.sweeper import Sweeper
from ledger.working_copy import WorkingBalance
from tests.support.books import Books, call_of
from tests.support.records import truth_of
from tests.support.rough_redis import NamedRedis

TTL_S = 60.0


@pytest.fixture
def asked(books: Books) -> NamedRedis:
    return NamedRedis(books.pipeline)


@pytest.fixture
def sweeper(books: Books, asked: NamedRedis) -> Sweeper:
    return Sweeper(asked, books.holds, ttl_s=TTL_S)


async def test_only_what_is_overdue_is_swept_and_by_its_orphan_charge(
    books: Books, sweeper: Sweeper
) -> None:
    """Section 4a, 3: past its deadline a hold is settled by the orphan charge, with its own id."""
    ada, bob = await books.customer(100), await books.customer(100)
    dead = [await books.held(ada, 40, orphan_mc=15), await books.held(bob, 40, orphan_mc=16)]
    await books.held(ada, 40)
    assert await sweeper.sweep() == 0
    for request in dead:
        await books.overdue(request)
    assert await sweeper.sweep() == 2
    assert await sweeper.sweep() == 0
    assert await books.in_redis(ada) == WorkingBalance(45, 40, 15)
    assert await books.in_redis(bob) == WorkingBalance(84, 0, 16)
    await books.write(ada)
    row = (
        await books.rows("select * from usage_records where request_id = $1", dead[0].request_id)
    )[0]
    assert (row["kind"], row["status"], row["basis"]) == ("orphan", "orphaned", "estimated")
    assert (row["charge_mc"], row["posted_mc"], row["ceiling_mc"]) == (15, 15, 40)
    assert await books.amounts_mc(ada) == [100, -15]


async def test_an_orphan_of_a_clamped_call_costs_no_more_than_was_held(
    books: Books, sweeper: Sweeper
) -> None:
    """G1: its record was made before the script knew how much there was."""
    ada = await books.customer(30)
    request = call_of(ada, 100, 10, orphan_mc=80)
    assert await books.holds.reserve(request) == 30
    await books.overdue(request)
    assert await sweeper.sweep() == 1
    await books.write(ada)
    assert await books.usage(request) == {"orphan": (30, 30)}
    assert await books.balance_mc(ada) == 0
    await books.assert_at_rest(ada)


async def test_a_hold_that_was_renewed_since_the_sweeper_looked_is_not_swept(books: Books) -> None:
    """The script asks again: its worker may have been faster."""
    ada = await books.customer(100)
    request = await books.held(ada, 40)
    await books.overdue(request)
    await books.holds.renew(ada.partition, [f"{request.account_id}/{request.request_id}"])
    assert not await books.holds.sweep(request.account_id, request.request_id)
    assert await books.in_redis(ada) == WorkingBalance(60, 40, 0)


async def test_a_renewal_makes_no_hold(books: Books) -> None:
    """ZADD XX: what has ended is not brought back by a worker that does not know."""
    ada = await books.customer(100)
    request = await books.held(ada, 40)
    await books.holds.settle(truth_of(request.orphan, 5))
    await books.holds.renew(ada.partition, [f"{request.account_id}/{request.request_id}"])
    shared = account_keys(ada.account_id).shared
    assert await books.redis.zcard(shared.deadlines) == 0


async def test_a_deadline_without_a_hold_is_forgotten(books: Books, sweeper: Sweeper) -> None:
    """Else the sweeper would ask for ever."""
    ada = await books.customer(100)
    request = await books.held(ada, 40)
    keys = account_keys(ada.account_id)
    await books.redis.hdel(keys.holds, request.request_id)
    await books.overdue(request)
    assert await sweeper.sweep() == 0
    assert await books.redis.zcard(keys.shared.deadlines) == 0


async def test_nothing_is_swept_within_a_deadlines_length_after_redis_was_away(
    books: Books, sweeper: Sweeper, asked: NamedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers could not renew: their calls live."""
    ada = await books.customer(100)
    await books.overdue(await books.held(ada, 40))
    now_s = 1_000.0
    monkeypatch.setattr("ledger.sweeper.time.monotonic", lambda: now_s)
    asked.is_away = True
    with pytest.raises(RedisUnavailableError):
        await sweeper.sweep()
    asked.is_away = False
    assert await sweeper.sweep() == 0
    now_s += TTL_S - 0.1
    assert await sweeper.sweep() == 0
    now_s += 0.2
    assert await sweeper.sweep() == 1


@pytest.mark.parametrize("uptime_s", [0, TTL_S, 100 * TTL_S])
async def test_nothing_is_swept_within_a_deadlines_length_after_another_redis_took_over(
    books: Books,
    sweeper: Sweeper,
    asked: NamedRedis,
    uptime_s: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A restart between two looks, or a replica that has been up for long: renewals are missing."""
    ada = await books.customer(100)
    now_s = 1_000.0
    monkeypatch.setattr("ledger.sweeper.time.monotonic", lambda: now_s)
    assert await sweeper.sweep() == 0
    asked.run_id, asked.uptime_s = "second", uptime_s
    await books.overdue(await books.held(ada, 40))
    assert await sweeper.sweep() == 0
    now_s += TTL_S - 0.1
    assert await sweeper.sweep() == 0
    now_s += 0.2
    assert await sweeper.sweep() == 1


@pytest.mark.parametrize(("uptime_s", "swept"), [(TTL_S, 0), (3 * TTL_S, 1)])
async def test_a_new_sweeper_waits_for_a_redis_that_is_young(
    books: Books, sweeper: Sweeper, asked: NamedRedis, uptime_s: float, swept: int
) -> None:
    """Whether Redis came back a moment ago, a sweeper that has just begun knows by its age."""
    ada = await books.customer(100)
    asked.uptime_s = uptime_s
    await books.overdue(await books.held(ada, 40))
    assert await sweeper.sweep() == swept


async def test_g4_of_settlements_and_two_sweepers_at_once_exactly_one_takes(books: Books) -> None:
    """G4: over two sweepers and live workers, many times over."""
    ada = await books.customer(100_000)

    async def settle_after(round_trips: int, request: ReserveRequest) -> None:
        for _ in range(round_trips):
            await books.pipeline.command("PING")
        await books.holds.settle(truth_of(request.orphan, 2))

    for delay in range(20):
        requests = [await books.held(ada, 50, orphan_mc=3) for _ in range(10)]
        for request in requests:
            await books.overdue(request)
        sweepers = [Sweeper(NamedRedis(books.pipeline), books.holds, ttl_s=TTL_S) for _ in range(2)]
        await asyncio.gather(
            *(sweeper.sweep() for sweeper in sweepers),
            *(settle_after(delay % 7 + place, requests[place]) for place in range(0, 10, 2)),
        )
    taken_mc = {"settled": 0, "orphan": 0}
    for value in (await books.filed(ada)).values():
        _, kind, charge_mc, _ = value.split()
        taken_mc[kind] += int(charge_mc)
    assert taken_mc["settled"] > 0
    assert taken_mc["orphan"] > 3 * 100
    assert len(await books.filed(ada)) == 200
    total_mc = sum(taken_mc.values())
    assert await books.in_redis(ada) == WorkingBalance(100_000 - total_mc, 0, total_mc)
    await books.write(ada)
    assert await books.balance_mc(ada) == 100_000 - 100 * 2 - 100 * 3
    await books.assert_at_rest(ada)
