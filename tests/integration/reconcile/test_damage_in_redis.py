"""G4, G9: whatever is set off or left in Redis, `reconcile` names the account and the check."""

import json

import pytest

from ledger.ids import new_id
from ledger.redis_keys import account_keys
from tests.support.audit import Audit, only
from tests.support.books import call_of


@pytest.mark.parametrize("by", [1, -1])
@pytest.mark.parametrize("field", ["available", "held", "unwritten"])
async def test_a_balance_in_redis_that_is_off_by_one_is_named(
    audit: Audit, field: str, by: int
) -> None:
    """G9: by one millicredit."""
    await audit.change_redis(field, by)
    report = await audit.reconcile()
    assert audit.named(report) == {("redis", f"{field} in Redis")}
    found = only(report, "redis", f"{field} in Redis")
    assert (int(found.actual) - int(found.expected), found.unit) == (by, "millicredits")


async def test_a_balance_in_redis_that_is_no_number_is_named(audit: Audit) -> None:
    """G9: reading it breaks nothing."""
    name = account_keys(audit.customer.account_id).account
    await audit.books.redis.hset(name, "available", "a lot")
    await audit.books.redis.hdel(name, "held")
    await audit.books.redis.hset(name, "sync", "9" * 30)
    named = audit.named(await audit.reconcile())
    assert named == {("redis", f"`{field}` in Redis") for field in ("available", "held", "sync")}


async def test_a_sync_number_that_was_never_given_is_named(audit: Audit) -> None:
    """G9: Redis has been told of something that the ledger does not know."""
    await audit.change_redis("sync", 1)
    assert audit.named(await audit.reconcile()) == {("redis", "last sync in Redis")}


async def test_a_change_that_redis_was_never_told_of_is_named(audit: Audit) -> None:
    """G9: what is told within a minute is no difference, what is not is one."""
    await audit.books.post(audit.customer.account_id, 70)
    assert (await audit.reconcile()).is_ok
    await audit.damage("update balance_syncs set created_at = now() - interval '2 minutes'")
    assert audit.named(await audit.reconcile()) == {("redis", "change that Redis was not told of")}


async def test_a_hold_without_a_deadline_is_named(audit: Audit) -> None:
    """G4, G9: nobody would ever end it."""
    request = await audit.books.held(audit.customer, 300)
    assert (await audit.reconcile()).is_ok
    keys = account_keys(audit.customer.account_id)
    member = f"{audit.customer.account_id}/{request.request_id}"
    await audit.books.redis.zrem(keys.shared.deadlines, member)
    report = await audit.reconcile()
    assert audit.named(report) == {("redis", "deadline of a hold")}
    found = only(report, "redis", "deadline of a hold")
    assert found.reference == f"request {request.request_id}"


async def test_a_hold_that_was_put_there_is_named(audit: Audit) -> None:
    """G9: nothing was taken for it, and it has no deadline."""
    keys = account_keys(audit.customer.account_id)
    await audit.books.redis.hset(keys.holds, new_id(), "H 1000 500 {}")
    await audit.books.redis.hset(keys.holds, "a request", "what is that?")
    assert audit.named(await audit.reconcile()) == {
        ("redis", "held in Redis"),
        ("redis", "available in Redis"),
        ("redis", "deadline of a hold"),
        ("redis", "what is filed of a call"),
    }


@pytest.mark.parametrize(("score", "what"), [(1, "overdue hold"), (1e14, "deadline of a hold")])
async def test_a_hold_whose_call_is_long_gone_is_named(
    audit: Audit, score: float, what: str
) -> None:
    """G4, G9: it looks like any other, but for its deadline."""
    request = await audit.books.held(audit.customer, 300)
    keys = account_keys(audit.customer.account_id)
    member = f"{audit.customer.account_id}/{request.request_id}"
    await audit.books.redis.zadd(keys.shared.deadlines, {member: score})
    assert audit.named(await audit.reconcile()) == {("redis", what)}


async def test_a_hold_of_a_call_that_is_written_is_named(audit: Audit) -> None:
    """G4, G9: all its numbers fit, and yet its call was charged."""
    request_id = await audit.call(70)
    await audit.books.holds.reserve(call_of(audit.customer, 300, request_id=request_id))
    assert audit.named(await audit.reconcile()) == {("redis", "hold of a call that is written")}


async def test_a_deadline_without_a_hold_is_named(audit: Audit) -> None:
    """G9: of an account that is there, and of one that never was."""
    keys = account_keys(audit.customer.account_id)
    member = f"{audit.customer.account_id}/{new_id()}"
    await audit.books.redis.zadd(keys.shared.deadlines, {member: 1e12})
    assert audit.named(await audit.reconcile()) == {("redis", "deadline without a hold")}
    await audit.books.redis.zadd(keys.shared.deadlines, {"nobody/nothing": 1e12})
    report = await audit.reconcile()
    assert only(report, "redis", "account of a deadline").account_id == "nobody"


async def test_a_charge_whose_record_was_lost_is_named(audit: Audit) -> None:
    """G5, G9: Redis has taken it, and the writer has gone past it."""
    keys = account_keys(audit.customer.account_id)
    await audit.books.redis.hset(keys.holds, new_id(), "T settled 7 1")
    await audit.change_redis("available", -7)
    await audit.change_redis("unwritten", 7)
    assert audit.named(await audit.reconcile()) == {("redis", "charge that nobody will write")}


async def test_a_rejected_record_is_named_until_it_is_written(audit: Audit) -> None:
    """G9: its charge stays taken in Redis, which is no difference of its own."""
    request = await audit.books.held(audit.customer, 300)
    record = {
        "account_id": audit.customer.account_id,
        "request_id": request.request_id,
        "kind": "settled",
    }
    await audit.damage(
        "insert into rejected_records (id, redis_partition, number, record, reason)"
        " values ($1, 0, 1, $2, 'KeyError: x')",
        new_id(),
        json.dumps(record),
    )
    report = await audit.reconcile()
    assert audit.named(report) == {("rejected", "record that could not be written")}
    assert report.differences[0].actual == "KeyError: x"
