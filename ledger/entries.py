"""Posting entries: each once, chained to its account's last, alone or with others of one event."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import asyncpg
import msgspec

from ledger.chain import AccountState, Link, append_entry, take_sync_number
from ledger.database import Connection, the_row, transaction
from ledger.errors import AccountUnknownError
from ledger.ids import new_id
from ledger.lot_store import insert_lot, read_lots, write_lots
from ledger.lots import Lot, Lots, find, first_filling_mc, in_order, use, use_pool_first
from ledger.posting import (
    BadPostingError,
    Corrected,
    IdempotencyConflictError,
    Posting,
    check_correction,
    checked,
    counter_account,
)
from ledger.queries import load_queries
from ledger.texts import read_id

_QUERIES = load_queries("entries")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One movement of an account's balance, in millicredits."""

    entry_id: str
    transaction_id: str
    account_id: str
    sequence: int
    posted_at: datetime
    entry_type: str
    amount_mc: int
    balance_before_mc: int
    balance_after_mc: int
    counter_account: str
    ref: str | None
    description: str
    receipt_url: str | None
    actor: str
    corrects: str | None
    expires_at: datetime | None


class PostedEntry(msgspec.Struct, frozen=True):
    """The entry, and whether it was posted only now."""

    entry: Entry
    is_new: bool


class _Account(msgspec.Struct):
    """An account under its lock, as postings change it."""

    account_id: str
    state: AccountState
    lots: Lots
    now: datetime


class Entries:
    """Posts entries into a database."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def post(self, posting: Posting) -> PostedEntry:
        """Posts an entry, or finds the one that its idempotency key has posted before.

        Raises:
            BadTextError, BadAmountError, BadPostingError, AccountUnknownError: it cannot be posted.
            IdempotencyConflictError: the key stands for something else.
            BalanceLimitError: the balance would become too large.
            DatabaseUnavailableError: it may be posted; ask again with the same key.
        """
        async with transaction(self._pool) as connection:
            [posted] = await post_within(connection, [posting])
        return posted


async def post_within(connection: Connection, postings: Sequence[Posting]) -> list[PostedEntry]:
    """Posts entries of one event as one transaction of the ledger, in the caller's own one.

    All or none: where it raises, the caller's transaction must be rolled back. Once that is
    committed the caller tells Redis (`working_copy.tell`) of each account. Raises as `post` does.
    """
    postings = [checked(posting) for posting in postings]
    accounts = await _lock(connection, {posting.account_id for posting in postings})
    transaction_id = new_id()
    posted = []
    for posting in postings:
        found = await _posted_before(connection, posting)
        if found is None:
            account = accounts[posting.account_id]
            entry = await _post(connection, account, posting, transaction_id)
            posted.append(PostedEntry(entry, is_new=True))
        else:
            posted.append(PostedEntry(found, is_new=False))
    return posted


def read_entry(row: asyncpg.Record) -> Entry:
    """An entry out of a row of `ledger_entries`."""
    corrects = row["corrects_entry_id"]
    return Entry(
        entry_id=str(row["id"]),
        transaction_id=str(row["transaction_id"]),
        account_id=str(row["account_id"]),
        sequence=row["sequence"],
        posted_at=row["posted_at"],
        entry_type=row["entry_type"],
        amount_mc=row["amount_mc"],
        balance_before_mc=row["balance_before_mc"],
        balance_after_mc=row["balance_after_mc"],
        counter_account=row["counter_account"],
        ref=row["ref"],
        description=row["description"],
        receipt_url=row["receipt_url"],
        actor=row["actor"],
        corrects=None if corrects is None else str(corrects),
        expires_at=row["expires_at"],
    )


async def _lock(connection: Connection, account_ids: Iterable[str]) -> dict[str, _Account]:
    ids = {account_id: read_id(account_id, AccountUnknownError) for account_id in account_ids}
    rows = await connection.fetch(_QUERIES["lock_accounts"], list(ids.values()))
    found = {str(row["id"]): row for row in rows}
    for account_id in ids:
        if account_id not in found:
            raise AccountUnknownError(account_id)
    lots = await read_lots(connection, found)
    return {
        account_id: _Account(
            account_id,
            AccountState(row["balance_mc"], row["last_sequence"], row["last_sync_number"]),
            lots[account_id],
            row["now"],
        )
        for account_id, row in found.items()
    }


async def _posted_before(connection: Connection, posting: Posting) -> Entry | None:
    if posting.idempotency_key is None:
        return None
    row = await connection.fetchrow(
        _QUERIES["entry_by_idempotency_key"], posting.account_id, posting.idempotency_key
    )
    if row is None:
        return None
    entry = read_entry(row)
    for field in (
        *("entry_type", "amount_mc", "description", "corrects", "expires_at", "ref"),
        "receipt_url",
    ):
        if getattr(posting, field) != getattr(entry, field):
            raise IdempotencyConflictError(
                f"idempotency key {posting.idempotency_key!r} was used for another "
                f"{entry.entry_type} of this account"
            )
    return entry


async def _post(
    connection: Connection, account: _Account, posting: Posting, transaction_id: str
) -> Entry:
    # Not before it is known to be new: asked again, a grant that has expired since is the answer.
    if posting.expires_at is not None and posting.expires_at <= account.now:
        raise BadPostingError("expires_at", "must be in the future")
    corrected = await _corrected(connection, posting)
    account.state, link = append_entry(account.state, posting.amount_mc)
    account.state, sync_number = take_sync_number(account.state)
    row = await the_row(
        connection,
        _QUERIES["post_entry"],
        *(new_id(), transaction_id, *_chained(posting, link), sync_number, posting.entry_type),
        *(counter_account(posting, corrected), posting.description, posting.actor),
        *(posting.idempotency_key, posting.ref, posting.receipt_url, posting.corrects),
        posting.expires_at,
    )
    entry = read_entry(row)
    if entry.expires_at is not None or account.lots:
        account.lots = _lots_after(account.lots, entry, corrected)
        await _write_lots(connection, account, entry)
    return entry


def _chained(posting: Posting, link: Link) -> tuple[object, ...]:
    return (posting.account_id, link.amount_mc, link.before_mc, link.after_mc, link.sequence)


async def _corrected(connection: Connection, posting: Posting) -> Corrected | None:
    if posting.corrects is None:
        return None
    row = await connection.fetchrow(_QUERIES["corrected"], posting.corrects, posting.account_id)
    if row is None:
        reason = f"must name an entry of this account: {posting.corrects} is none"
        raise BadPostingError("corrects", reason)
    corrected = Corrected(**dict(row))
    check_correction(posting, corrected)
    return corrected


def _lots_after(lots: Lots, entry: Entry, corrected: Corrected | None) -> Lots:
    before_mc = entry.balance_before_mc
    if entry.expires_at is not None:
        filling_mc = first_filling_mc(lots, entry.amount_mc, before_mc)
        lot = Lot(
            entry_id=entry.entry_id,
            entry_type=entry.entry_type,
            sequence=entry.sequence,
            expires_at=entry.expires_at,
            remaining_mc=filling_mc,
        )
        return in_order((*lots, lot))
    if entry.amount_mc > 0:
        return lots
    if corrected is not None and corrected.is_of_the_pool:
        return use_pool_first(lots, -entry.amount_mc, before_mc)
    return use(lots, -entry.amount_mc, first=entry.corrects)


async def _write_lots(connection: Connection, account: _Account, entry: Entry) -> None:
    new = find(account.lots, entry.entry_id)
    if new is not None:
        await insert_lot(connection, account.account_id, new, entry.amount_mc)
    await write_lots(connection, account.account_id, account.lots, entry.sequence)
