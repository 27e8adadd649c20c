"""What Postgres has of accounts, to be compared with what Redis has of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

import asyncpg

from ledger.database import Connection
from ledger.queries import load_queries
from ledger.reconciliation.inspection import Inspection, LedgerSide, whole_number
from ledger.reconciliation.loose_ids import as_uuid
from ledger.redis_keys import account_keys

_QUERIES = load_queries("reconciliation")

_Written = Mapping[str, Sequence[tuple[str, int]]]


async def read_ledger_side(
    connection: Connection,
    accounts: Mapping[UUID, asyncpg.Record],
    inspections: Mapping[UUID, Inspection],
) -> dict[UUID, LedgerSide]:
    """The ledger's side of each account that was inspected; `accounts` has their rows."""
    syncs = await _syncs(connection, inspections)
    written = await _written(connection, inspections)
    rejected = await _rejected(connection)
    return {
        one: LedgerSide(
            balance_mc=accounts[one]["balance_mc"],
            last_sync_number=accounts[one]["last_sync_number"],
            written=_of_requests(written, inspection),
            rejected=rejected.get(account_keys(str(one)).partition, frozenset()),
            **syncs.get(one, {}),
        )
        for one, inspection in inspections.items()
    }


async def _syncs(
    connection: Connection, inspections: Mapping[UUID, Inspection]
) -> dict[UUID, dict[str, int]]:
    reached = {
        one: number
        for one, inspection in inspections.items()
        if (number := whole_number(inspection.sync)) is not None
    }
    rows = await connection.fetch(
        _QUERIES["syncs_not_applied"], list(reached), list(reached.values())
    )
    return {
        row["account_id"]: {
            "unapplied_mc": row["amount_mc"],
            "unapplied_number": row["first_number"],
            "unapplied_age_s": row["age_s"],
        }
        for row in rows
    }


async def _written(connection: Connection, inspections: Mapping[UUID, Inspection]) -> _Written:
    ids = [
        found
        for inspection in inspections.values()
        for request_id in inspection.request_ids
        if (found := as_uuid(request_id)) is not None
    ]
    written = defaultdict(list)
    if ids:
        for row in await connection.fetch(_QUERIES["written"], ids):
            written[str(row["request_id"])].append((row["kind"], row["charge_mc"]))
    return written


def _of_requests(written: _Written, inspection: Inspection) -> dict[tuple[str, str], int]:
    return {
        (request_id, kind): charge_mc
        for request_id in inspection.request_ids
        for kind, charge_mc in written.get(request_id, ())
    }


async def _rejected(connection: Connection) -> dict[int, frozenset[int]]:
    """Numbers of records that could not be written, by partition."""
    numbers = defaultdict(set)
    for row in await connection.fetch(_QUERIES["rejected_numbers"]):
        numbers[row["redis_partition"]].add(row["number"])
    return {partition: frozenset(found) for partition, found in numbers.items()}
