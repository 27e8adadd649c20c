"""Damage done by hand, as whoever has a superuser's password can, and what reconciliation says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from ledger.ids import new_id
from ledger.reconciliation.difference import Difference, Scope
from ledger.reconciliation.reconciler import Reconciler
from ledger.reconciliation.redis_check import RedisCheck
from ledger.reconciliation.report import Report
from ledger.redis_keys import account_keys
from tests.support.books import TTL_S, Books, Customer
from tests.support.records import truth_of


@dataclass
class Audit:
    """Books with some history, a superuser, and a reconciler."""

    books: Books
    superuser: asyncpg.Connection
    customer: Customer
    bystander: Customer

    async def reconcile(self, scope: Scope | None = None, *, most_listed: int = 200) -> Report:
        """Everything, or a part of it."""
        redis_check = RedisCheck(
            self.books.pipeline, self.books.pool, ttl_s=TTL_S, second_look_s=0.05
        )
        reconciler = Reconciler(redis_check, self.books.pool, most_listed=most_listed)
        return await reconciler.run(scope or Scope())

    async def damage(self, statement: str, *values: object) -> None:
        """Changes rows as no application can: without triggers and foreign keys."""
        async with self.superuser.transaction():
            await self.superuser.execute("set local session_replication_role = replica")
            await self.superuser.execute(statement, *values)

    async def entry_ids(self) -> list[str]:
        """The customer's entries, in order."""
        query = "select id from ledger_entries where account_id = $1 order by sequence"
        rows = await self.books.rows(query, self.customer.account_id)
        return [str(row["id"]) for row in rows]

    async def call(self, charge_mc: int, **changes: object) -> str:
        """A call that was charged and written; its request id."""
        request = await self.books.held(self.customer, 2 * charge_mc, **changes)
        await self.books.holds.settle(truth_of(request.orphan, charge_mc))
        await self.books.write(self.customer)
        return request.request_id

    async def change_redis(self, field: str, by: int) -> None:
        """Sets a number of the customer's account in Redis off."""
        name = account_keys(self.customer.account_id).account
        await self.books.redis.hincrby(name, field, by)

    def named(self, report: Report) -> set[tuple[str, str]]:
        """Check and what, of the customer only: nobody else may be named."""
        assert {one.account_id for one in report.differences} <= {self.customer.account_id}
        return {(one.check, one.what) for one in report.differences}


def only(report: Report, check: str, what: str) -> Difference:
    """The one difference of this kind."""
    found = [one for one in report.differences if (one.check, one.what) == (check, what)]
    assert len(found) == 1, report.differences
    return found[0]


@asynccontextmanager
async def open_audit(books: Books, superuser_url: str) -> AsyncIterator[Audit]:
    """Two accounts with grants, calls, an orphan that came back, and one that did not."""
    superuser = await asyncpg.connect(superuser_url)
    try:
        await superuser.execute("truncate accounts, usage_records, usage_days cascade")
        await superuser.execute("truncate rejected_records")
        customer, bystander = await books.customer(10_000), await books.customer(10_000)
        audit = Audit(books, superuser, customer, bystander)
        for owner in (bystander, customer):
            await _history(books, owner)
        yield audit
    finally:
        await superuser.close()


async def _history(books: Books, owner: Customer) -> None:
    for charge_mc in (100, 150, 200):
        request = await books.held(owner, 300)
        await books.holds.settle(truth_of(request.orphan, charge_mc))
    released = await books.held(owner, 300)
    await books.holds.settle(truth_of(released.orphan, 0))
    lost, late = await books.held(owner, 300), await books.held(owner, 300)
    for request in (lost, late):
        await books.sweep(request)
    await books.write(owner)
    await books.holds.settle(truth_of(late.orphan, 40))
    await books.write(owner)
    await books.post(owner.account_id, 5_000, tell=True, idempotency_key=new_id())
    await books.write(owner)
    await books.assert_at_rest(owner)
