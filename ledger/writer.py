"""Writes the settlement streams into Postgres, a partition at a time, each record once."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg
import msgspec
import structlog

from ledger.batch import (
    ENTRY_COLUMNS,
    EXPIRY_COLUMNS,
    SYNC_COLUMNS,
    USAGE_COLUMNS,
    Batch,
    LockedAccount,
    MismatchedRecordError,
    UnknownAccountInRecordError,
    Written,
    work_out,
)
from ledger.chain import AccountState, BalanceLimitError
from ledger.database import Connection, the_row, transaction
from ledger.ids import new_id
from ledger.lot_store import read_lots, write_lots
from ledger.queries import load_queries
from ledger.redis_copy import RedisWorkingCopy
from ledger.stream import SettlementStream
from ledger.stream_entry import EXPIRY, StreamEntry
from ledger.usage_days import day_columns
from pricing.charge import NoRateError

BATCH_SIZE = 500

_QUERIES = load_queries("writer")
_log = structlog.get_logger(__name__)

# What one record can be at fault for; anything else is tried again with the same records.
_UNWRITABLE = (
    UnknownAccountInRecordError,
    MismatchedRecordError,
    BalanceLimitError,
    msgspec.DecodeError,
    msgspec.ValidationError,
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    ValueError,
    KeyError,
    NoRateError,
    OverflowError,
)


class Writer:
    """Drains streams into the ledger."""

    def __init__(
        self, stream: SettlementStream, pool: asyncpg.Pool, working_copy: RedisWorkingCopy
    ) -> None:
        self._stream = stream
        self._pool = pool
        self._working_copy = working_copy

    async def write_partition(self, partition: int) -> int:
        """Writes all that waits in a partition; returns how many records that were.

        Raises:
            RedisUnavailableError, DatabaseUnavailableError: to be tried again; nothing is lost.
        """
        written = 0
        while entries := await self._stream.read(partition, BATCH_SIZE):
            written += await self._write(partition, entries)
        return written

    async def _write(self, partition: int, entries: list[StreamEntry]) -> int:
        """Writes a batch; one that cannot be written is halved until the culprit is alone."""
        try:
            batch = await self._commit(partition, entries)
        except _UNWRITABLE as error:
            if len(entries) == 1:
                await self._reject(partition, entries[0], error)
                return 1
            half = len(entries) // 2
            done = await self._write(partition, entries[:half])
            return done + await self._write(partition, entries[half:])
        await self._stream.acknowledge(partition, entries)
        for account_id in {str(row[0]) for row in batch.sync_rows}:
            await self._working_copy.apply_syncs(account_id)
        return len(entries)

    async def _commit(self, partition: int, entries: Sequence[StreamEntry]) -> Batch:
        async with transaction(self._pool) as connection:
            position = await the_row(connection, _QUERIES["lock_position"], partition)
            last_number, epoch = position["last_number"], position["epoch"]
            accounts = await _lock_accounts(connection, entries)
            await _add_lots(connection, accounts, entries)
            written = await _read_written(connection, entries)
            batch = work_out(entries, accounts, written, last_number)
            await _insert(connection, batch)
            await _update_accounts(connection, accounts, batch.touched)
            if batch.is_set_back or await self._stream.epoch(partition) != epoch:
                # Before the commit: were it after, a crash between them would leave old balances.
                _log.error("redis_was_set_back", partition=partition, last_number=last_number)
                epoch += 1
                await self._stream.mend(partition, batch.last_number, epoch)
            await connection.execute(_QUERIES["move_position"], partition, batch.last_number, epoch)
        return batch

    async def _reject(self, partition: int, entry: StreamEntry, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        _log.error(
            "record_rejected",
            partition=partition,
            number=entry.number,
            request_id=entry.request_id,
            account_id=entry.account_id,
            reason=reason,
        )
        values = (new_id(), partition, entry.number, _kept(entry), _storable(reason))
        async with transaction(self._pool) as connection:
            await connection.fetchval(_QUERIES["lock_position"], partition)
            await connection.execute(_QUERIES["insert_rejected"], *values)
            await connection.execute(_QUERIES["pass_over"], partition, entry.number)
        rejected = msgspec.structs.replace(entry, is_rejected=True)
        await self._stream.acknowledge(partition, [rejected])


def _kept(entry: StreamEntry) -> str:
    """A rejected entry as JSON."""
    fields = {**msgspec.to_builtins(entry), "record": entry.record.decode(errors="replace")}
    texts = {name: _storable(value) for name, value in fields.items() if isinstance(value, str)}
    return msgspec.json.encode({**fields, **texts}).decode()


def _storable(text: str) -> str:
    # Postgres has no character of code 0.
    return text.replace("\0", "\ufffd")


async def _lock_accounts(
    connection: Connection, entries: Sequence[StreamEntry]
) -> dict[str, LockedAccount]:
    ids = sorted({UUID(entry.account_id) for entry in entries})
    rows = await connection.fetch(_QUERIES["lock_accounts"], ids)
    return {
        str(row["id"]): LockedAccount(
            state=AccountState(row["balance_mc"], row["last_sequence"], row["last_sync_number"]),
            posted_at=row["last_posted_at"],
            now=row["now"],
        )
        for row in rows
    }


async def _add_lots(
    connection: Connection, accounts: dict[str, LockedAccount], entries: Sequence[StreamEntry]
) -> None:
    """Reads the lots of those accounts of which something expires: few, and seldom."""
    expiring = {entry.account_id for entry in entries if entry.kind == EXPIRY}
    known = [account_id for account_id in expiring if account_id in accounts]
    if known:
        for account_id, lots in (await read_lots(connection, known)).items():
            accounts[account_id].lots = lots


async def _read_written(connection: Connection, entries: Sequence[StreamEntry]) -> Written:
    written = Written()
    ids = list({UUID(entry.request_id) for entry in entries})
    for row in await connection.fetch(_QUERIES["written"], ids):
        request_id = str(row["request_id"])
        written.charges_mc.setdefault(request_id, {})[row["kind"]] = row["charge_mc"]
        if row["entry_id"] is not None:
            written.orphan_entries[request_id] = str(row["entry_id"])
    expiries = [UUID(entry.request_id) for entry in entries if entry.kind == EXPIRY]
    if expiries:
        rows = await connection.fetch(_QUERIES["written_expiries"], expiries)
        written.expiries = {str(row["request_id"]) for row in rows}
    return written


async def _insert(connection: Connection, batch: Batch) -> None:
    for table, columns, rows in (
        ("usage_records", USAGE_COLUMNS, batch.usage_rows),
        ("ledger_entries", ENTRY_COLUMNS, batch.entry_rows),
        ("balance_syncs", SYNC_COLUMNS, batch.sync_rows),
        ("expiries", EXPIRY_COLUMNS, batch.expiry_rows),
    ):
        if rows:
            await connection.copy_records_to_table(table, records=rows, columns=columns)
    if batch.days:
        await connection.execute(_QUERIES["add_to_days"], *day_columns(batch.days))
    for alert in batch.alerts:
        values = msgspec.structs.astuple(alert)
        await connection.execute(_QUERIES["insert_alert"], new_id(), *values)


async def _update_accounts(
    connection: Connection, accounts: dict[str, LockedAccount], touched: set[str]
) -> None:
    changed = [(account_id, accounts[account_id]) for account_id in sorted(touched)]
    await connection.execute(
        _QUERIES["update_accounts"],
        [account_id for account_id, _ in changed],
        [account.state.balance_mc for _, account in changed],
        [account.state.last_sequence for _, account in changed],
        [account.posted_at for _, account in changed],
        [account.state.last_sync_number for _, account in changed],
    )
    for account_id, account in changed:
        if account.lots is not None:
            sequence = account.state.last_sequence
            await write_lots(connection, account_id, account.lots, sequence)
