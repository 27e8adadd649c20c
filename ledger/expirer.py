"""Takes expired credits out of circulation: first in Redis, like a call; the writer posts them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import structlog

from ledger.database import acquired, transaction
from ledger.ids import new_id
from ledger.lot_store import read_lots, write_lots
from ledger.lots import Lot, Lots
from ledger.pipeline import Pipeline
from ledger.queries import load_queries
from ledger.records import ExpiryRecord, encode_expiry
from ledger.redis_copy import RedisWorkingCopy
from ledger.redis_keys import account_keys
from ledger.scripts import load_script

AT_ONCE = 200
ACCOUNTS_AT_ONCE = 2
_BEGINNING = (datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))

_QUERIES = load_queries("lots")
_log = structlog.get_logger(__name__)


class Expirer:
    """Looks for lots that are due in all accounts. Each try has an id of its own; one of which no
    answer came is as good as any: what it has taken is not taken again, or is given back.
    """

    def __init__(
        self, pipeline: Pipeline, pool: asyncpg.Pool, working_copy: RedisWorkingCopy
    ) -> None:
        self._pipeline = pipeline
        self._pool = pool
        self._working_copy = working_copy
        self._script = load_script("expire")

    async def expire(self, now: datetime | None = None) -> int:
        """Takes what can be taken of all lots that are due; of how many lots that was something.

        `now` is Postgres' own time if not given. What calls hold is left to a later round.

        Raises:
            RedisUnavailableError, DatabaseUnavailableError: to be tried again.
        """
        at_once = asyncio.Semaphore(ACCOUNTS_AT_ONCE)
        taken = 0
        async for due in self._due(now):
            work = [self._expire_of_account(*one, at_once) for one in due]
            # Each to its end, so that none of this round is met by the next one.
            for outcome in await asyncio.gather(*work, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    raise outcome
                taken += outcome
        return taken

    async def _due(self, now: datetime | None) -> AsyncIterator[list[tuple[str, set[str]]]]:
        """Accounts with their lots that are due, some at a time."""
        after: tuple[datetime, UUID] = _BEGINNING
        while True:
            async with acquired(self._pool) as connection:
                rows = await connection.fetch(_QUERIES["due_lots"], now, *after, AT_ONCE)
            by_account: dict[str, set[str]] = {}
            for row in rows:
                by_account.setdefault(str(row["account_id"]), set()).add(str(row["entry_id"]))
            yield list(by_account.items())
            if len(rows) < AT_ONCE:
                return
            after = (rows[-1]["expires_at"], rows[-1]["entry_id"])

    async def _expire_of_account(
        self, account_id: str, lot_ids: set[str], at_once: asyncio.Semaphore
    ) -> int:
        async with at_once:
            lots = await self._lots_now(account_id)
            taken = before_mc = 0
            for lot in lots:
                if lot.entry_id in lot_ids and lot.remaining_mc:
                    taken += bool(await self._take(account_id, lot, before_mc))
                before_mc += lot.remaining_mc
            return taken

    async def _lots_now(self, account_id: str) -> Lots:
        async with transaction(self._pool) as connection:
            sequence = await connection.fetchval(_QUERIES["lock_account"], account_id)
            lots = (await read_lots(connection, [account_id]))[account_id]
            # What was used up meanwhile is not due any more, and is not looked at again.
            await write_lots(connection, account_id, lots, sequence)
        return lots

    async def _take(self, account_id: str, lot: Lot, before_mc: int) -> int:
        """Takes what is unused of a lot; how much that was, in millicredits."""
        keys = account_keys(account_id)
        shared = keys.shared
        names = (keys.account, keys.holds, shared.settlements, shared.position, keys.rebuild)
        record = ExpiryRecord(request_id=new_id(), account_id=account_id, lot_entry_id=lot.entry_id)
        arguments = (account_id, record.request_id, lot.remaining_mc, before_mc)
        while not (reply := await self._run(names, (*arguments, encode_expiry(record)))):
            await self._working_copy.ensure(account_id)
        taken_mc = int(reply)
        if taken_mc:
            _log.info("credits_expire", account_id=account_id, lot=lot.entry_id, amount_mc=taken_mc)
        return taken_mc

    async def _run(self, names: Sequence[str], arguments: Sequence[str | int | bytes]) -> bytes:
        reply: bytes = await self._pipeline.run(self._script, names, arguments)
        return reply
