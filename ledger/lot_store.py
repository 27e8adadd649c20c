"""Lots in Postgres: read up to date with the ledger, written back under their account's lock."""

from collections.abc import Iterable
from uuid import UUID

import asyncpg

from ledger.database import Connection
from ledger.lots import Lot, Lots, use
from ledger.queries import load_queries

_QUERIES = load_queries("lots")


async def read_lots(connection: Connection, account_ids: Iterable[str]) -> dict[str, Lots]:
    """What is left of each account's lots by its last entry, in the order in which they are used.

    The accounts are locked, or read in a transaction that sees one moment.
    """
    ids = [UUID(account_id) for account_id in account_ids]
    lots: dict[str, Lots] = {str(one): () for one in ids}
    for row in await connection.fetch(_QUERIES["open_lots"], ids):
        lots[str(row["account_id"])] += (_lot(row),)
    opened = [UUID(account_id) for account_id, some in lots.items() if some]
    if opened:
        for row in await connection.fetch(_QUERIES["used_since_the_lots"], opened):
            account_id = str(row["id"])
            lots[account_id] = use(lots[account_id], row["used_mc"])
    return lots


async def write_lots(connection: Connection, account_id: str, lots: Lots, sequence: int) -> None:
    """Keeps what is left of an account's lots as of its entry `sequence`, the last one."""
    await connection.execute(
        _QUERIES["update_lots"],
        [lot.entry_id for lot in lots],
        [lot.remaining_mc for lot in lots],
    )
    await connection.execute(_QUERIES["move_lots_sequence"], account_id, sequence)


async def insert_lot(connection: Connection, account_id: str, lot: Lot, amount_mc: int) -> None:
    """Files a new lot; its entry is there."""
    await connection.execute(
        _QUERIES["insert_lot"],
        *(lot.entry_id, account_id, lot.sequence, lot.expires_at, amount_mc, lot.remaining_mc),
    )


def _lot(row: asyncpg.Record) -> Lot:
    return Lot(
        entry_id=str(row["entry_id"]),
        entry_type=row["entry_type"],
        sequence=row["sequence"],
        expires_at=row["expires_at"],
        remaining_mc=row["remaining_mc"],
    )
