"""Makes Redis' working copy of an account anew out of the ledger, while calls go on.

The account's hash is dropped and rebuilt as one that Redis has lost, which calls in flight survive:
their holds and tombstones stay, and are counted. What is no call's goes: a hold whose call the
ledger has, a deadline of nothing. A hold without a deadline gets one, so that the sweeper ends it.
"""

from collections.abc import AsyncIterator, Iterable
from uuid import UUID

import asyncpg
import msgspec

from ledger.database import acquired
from ledger.errors import AccountUnknownError
from ledger.ids import partition_of
from ledger.pipeline import Pipeline
from ledger.queries import load_queries
from ledger.reconciliation.difference import Difference
from ledger.reconciliation.inspection import Inspection
from ledger.reconciliation.redis_reading import RedisReading, read_deadlines
from ledger.reconciliation.redis_rules import differences
from ledger.redis_copy import RedisWorkingCopy
from ledger.redis_keys import account_keys
from ledger.scripts import load_script
from ledger.texts import read_id
from pricing.money import credits_text

ACCOUNTS_AT_ONCE = 100

_QUERIES = load_queries("rebuilding")


class LedgerDamagedError(Exception):
    """An account's balance is not what its last entry says: no copy may be made of that."""

    def __init__(self, account_id: str, expected_mc: int, actual_mc: int) -> None:
        super().__init__(
            f"account {account_id} is not rebuilt, because its ledger is damaged: its last entry "
            f"leaves {credits_text(expected_mc)} credits, the account says "
            f"{credits_text(actual_mc)} (`tollgate reconcile --account {account_id}` says more)"
        )


class Tidied(msgspec.Struct, frozen=True):
    """What was done to the account's deadlines; each is a number of them."""

    removed: int
    given: int
    brought_nearer: int


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """An account that was rebuilt; `found` is what was wrong before it, `left` what still is."""

    account_id: str
    before: Inspection
    after: Inspection
    found: tuple[Difference, ...]
    left: tuple[Difference, ...]
    tidied: Tidied


class Rebuilder:
    """Rebuilds accounts one by one."""

    def __init__(
        self,
        pipeline: Pipeline,
        pool: asyncpg.Pool,
        working_copy: RedisWorkingCopy,
        *,
        ttl_s: float,
    ) -> None:
        self._pipeline = pipeline
        self._pool = pool
        self._working_copy = working_copy
        self._ttl_ms = int(ttl_s * 1000)
        self._reading = RedisReading(pipeline, pool)
        self._tidy = load_script("tidy")

    async def rebuild(self, account_id: str) -> Rebuilt:
        """Rebuilds an account.

        Raises:
            AccountUnknownError: there is no such account.
            LedgerDamagedError: its ledger cannot be trusted.
            RedisUnavailableError, DatabaseUnavailableError: to be done again.
        """
        account_uuid = read_id(account_id, AccountUnknownError)
        await self._check_ledger(account_uuid)
        before, found = await self._look(account_uuid)
        held = {hold.request_id for hold in before.holds}
        tidied = await self._tidy_deadlines(account_id, held.union(before.lone_deadlines))
        await self._pipeline.command("UNLINK", account_keys(account_id).account)
        await self._working_copy.ensure(account_id)
        after, left = await self._look(account_uuid)
        return Rebuilt(
            account_id=account_id,
            before=before,
            after=after,
            found=found,
            left=left,
            tidied=tidied,
        )

    async def all_accounts(self) -> AsyncIterator[str]:
        """The ids of all accounts."""
        after: UUID | None = None
        while True:
            async with acquired(self._pool) as connection:
                query = _QUERIES["accounts_after"]
                rows = await connection.fetch(query, after, ACCOUNTS_AT_ONCE)
            for row in rows:
                yield str(row["id"])
            if not rows:
                return
            after = rows[-1]["id"]

    async def _check_ledger(self, account_id: UUID) -> None:
        async with acquired(self._pool) as connection:
            row = await connection.fetchrow(_QUERIES["end_of_chain"], account_id)
        if row is None:
            raise AccountUnknownError(str(account_id))
        if row["balance_mc"] != row["entry_balance_mc"]:
            raise LedgerDamagedError(str(account_id), row["entry_balance_mc"], row["balance_mc"])

    async def _look(self, account_id: UUID) -> tuple[Inspection, tuple[Difference, ...]]:
        deadlines = await read_deadlines(self._pipeline, [partition_of(str(account_id))])
        async for sides in self._reading.read([account_id], deadlines):
            return sides.redis, tuple(differences(*sides))
        raise AccountUnknownError(str(account_id))

    async def _tidy_deadlines(self, account_id: str, request_ids: Iterable[str]) -> Tidied:
        keys = account_keys(account_id)
        reply = await self._pipeline.run(
            self._tidy,
            (keys.holds, keys.shared.deadlines),
            (account_id, self._ttl_ms, *request_ids),
        )
        return Tidied(*(int(count) for count in reply))
