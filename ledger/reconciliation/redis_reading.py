"""Reads an account in Redis and in Postgres as of one moment, while calls go on.

Three readings make one: what moves with everything that is written of the account, then Redis by
one script, then the ledger in one snapshot. Where the first and the last agree, nothing was written
in between, so both sides are of the moment in which Redis was read. A settlement that is committed
and not yet acknowledged has its row in the ledger: its tombstone is known as written. An account
that moves too fast for that is locked meanwhile; so briefly that its writer hardly waits.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import asyncpg

from ledger.database import Connection, acquired, transaction
from ledger.pipeline import Pipeline
from ledger.queries import load_queries
from ledger.reconciliation.inspection import Inspection, LedgerSide, read_inspection
from ledger.reconciliation.ledger_side import read_ledger_side
from ledger.redis_keys import account_keys, partition_keys
from ledger.scripts import load_script

TRIES = 4
PAUSE_S = 0.01

_QUERIES = load_queries("reconciliation")

Deadlines = Mapping[str, Sequence[str]]


class BothSides(NamedTuple):
    """An account in one moment."""

    account_id: str
    redis: Inspection
    ledger: LedgerSide


class RedisReading:
    """Reads accounts of both engines."""

    def __init__(self, pipeline: Pipeline, pool: asyncpg.Pool) -> None:
        self._pipeline = pipeline
        self._pool = pool
        self._inspect = load_script("inspect")

    async def read(
        self, account_ids: Sequence[uuid.UUID], deadlines: Deadlines
    ) -> AsyncIterator[BothSides]:
        """Each account, in no order; one that is not in the ledger is left out.

        `deadlines` has the requests of accounts for which a deadline was seen a moment ago.

        Raises:
            RedisUnavailableError, DatabaseUnavailableError: to be tried again.
        """
        moving = list(account_ids)
        for _ in range(TRIES):
            async with acquired(self._pool) as connection:
                before = await _versions(connection, moving)
                inspections = await self._inspect_all(before, deadlines)
            async with _snapshot(self._pool) as connection:
                after = await _versions(connection, moving)
                still = {one: inspections[one] for one in before if before[one] == after.get(one)}
                found = await _both_sides(connection, after, still)
            for sides in found:
                yield sides
            moving = [one for one in before if one not in still]
            if not moving:
                return
            await asyncio.sleep(PAUSE_S)
        for account_id in moving:
            async for sides in self._read_locked(account_id, deadlines):
                yield sides

    async def _read_locked(
        self, account_id: uuid.UUID, deadlines: Deadlines
    ) -> AsyncIterator[BothSides]:
        async with transaction(self._pool) as connection:
            await connection.execute(_QUERIES["wait_shortly"])
            rows = await connection.fetch(_QUERIES["lock_versions"], [account_id])
            version = {row["id"]: row for row in rows}
            inspections = await self._inspect_all(version, deadlines)
            found = await _both_sides(connection, version, inspections)
        for sides in found:
            yield sides

    async def _inspect_all(
        self, accounts: Mapping[uuid.UUID, asyncpg.Record], deadlines: Deadlines
    ) -> dict[uuid.UUID, Inspection]:
        asked = [self._ask(str(one), deadlines.get(str(one), ())) for one in accounts]
        replies = await asyncio.gather(*asked)
        return {one: read_inspection(reply) for one, reply in zip(accounts, replies, strict=True)}

    def _ask(self, account_id: str, request_ids: Sequence[str]) -> asyncio.Future[list[bytes]]:
        keys = account_keys(account_id)
        shared = keys.shared
        return self._pipeline.run(
            self._inspect,
            (keys.account, keys.holds, shared.deadlines, shared.position),
            (account_id, *request_ids),
        )


async def read_deadlines(pipeline: Pipeline, partitions: Iterable[int]) -> Deadlines:
    """All deadlines of these partitions as of a moment ago, by account."""
    replies = [
        pipeline.command("ZRANGE", partition_keys(number).deadlines, 0, -1) for number in partitions
    ]
    found: dict[str, list[str]] = {}
    for members in await asyncio.gather(*replies):
        for member in members:
            account_id, _, request_id = member.decode(errors="replace").partition("/")
            found.setdefault(account_id, []).append(request_id)
    return found


@asynccontextmanager
async def _snapshot(pool: asyncpg.Pool) -> AsyncIterator[Connection]:
    async with (
        acquired(pool) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield connection


async def _versions(
    connection: Connection, account_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, asyncpg.Record]:
    rows = await connection.fetch(_QUERIES["versions"], account_ids)
    return {row["id"]: row for row in rows}


async def _both_sides(
    connection: Connection,
    accounts: Mapping[uuid.UUID, asyncpg.Record],
    inspections: Mapping[uuid.UUID, Inspection],
) -> list[BothSides]:
    ledger = await read_ledger_side(connection, accounts, inspections)
    return [BothSides(str(one), inspections[one], ledger[one]) for one in inspections]
