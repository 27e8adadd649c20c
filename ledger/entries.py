"""Posting grants and adjustments: one entry, once, chained to its account's last."""

from datetime import datetime
from typing import Literal

import asyncpg
import msgspec

from ledger.chain import AccountState, Link, append_entry, take_sync_number
from ledger.chart import ADJUSTMENTS, PROMOTION
from ledger.database import Connection, the_row, transaction
from ledger.errors import AccountUnknownError
from ledger.ids import new_id
from ledger.queries import load_queries
from ledger.texts import LONGEST_DESCRIPTION, plain_text, read_id

ENTRY_TYPES = (
    "grant",
    "purchase",
    "bonus",
    "usage",
    "refund",
    "dispute",
    "adjustment",
    "expiry",
)
LONGEST_IDEMPOTENCY_KEY = 200
COUNTER_ACCOUNTS = {"grant": PROMOTION, "adjustment": ADJUSTMENTS}

_QUERIES = load_queries("entries")


class IdempotencyConflictError(Exception):
    """This idempotency key was used for another entry of the account."""


class BadAmountError(ValueError):
    """A grant adds credits; an adjustment adds or takes them, and is not zero."""


class Posting(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks to be posted. `actor` says who, for the auditors."""

    account_id: str
    entry_type: Literal["grant", "adjustment"]
    amount_mc: int
    description: str
    idempotency_key: str
    actor: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One movement of an account's balance, in millicredits."""

    entry_id: str
    account_id: str
    sequence: int
    posted_at: datetime
    entry_type: str
    amount_mc: int
    balance_before_mc: int
    balance_after_mc: int
    ref: str | None
    description: str
    receipt_url: str | None


class PostedEntry(msgspec.Struct, frozen=True):
    """The entry, and whether it was posted only now."""

    entry: Entry
    is_new: bool


class Entries:
    """Posts entries into a database."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def post(self, posting: Posting) -> PostedEntry:
        """Posts the entry, or finds the one that this idempotency key has posted before.

        Raises:
            BadTextError, BadAmountError, AccountUnknownError: it cannot be posted.
            IdempotencyConflictError: the key stands for something else.
            BalanceLimitError: the balance would become too large.
            DatabaseUnavailableError: it may be posted; ask again with the same key.
        """
        posting = _checked(posting)
        async with transaction(self._pool) as connection:
            state = await _lock(connection, posting.account_id)
            found = await connection.fetchrow(
                _QUERIES["entry_by_idempotency_key"], posting.account_id, posting.idempotency_key
            )
            if found is not None:
                return PostedEntry(_same(posting, read_entry(found)), is_new=False)
            state, link = append_entry(state, posting.amount_mc)
            state, sync_number = take_sync_number(state)
            row = await _insert(connection, posting, link, sync_number)
        return PostedEntry(read_entry(row), is_new=True)


def read_entry(row: asyncpg.Record) -> Entry:
    """An entry out of a row of `ledger_entries`."""
    return Entry(
        entry_id=str(row["id"]),
        account_id=str(row["account_id"]),
        sequence=row["sequence"],
        posted_at=row["posted_at"],
        entry_type=row["entry_type"],
        amount_mc=row["amount_mc"],
        balance_before_mc=row["balance_before_mc"],
        balance_after_mc=row["balance_after_mc"],
        ref=row["ref"],
        description=row["description"],
        receipt_url=row["receipt_url"],
    )


def _checked(posting: Posting) -> Posting:
    if posting.amount_mc == 0 or (posting.entry_type == "grant" and posting.amount_mc < 0):
        raise BadAmountError(BadAmountError.__doc__)
    return msgspec.structs.replace(
        posting,
        description=plain_text(posting.description, "description", LONGEST_DESCRIPTION),
        idempotency_key=plain_text(
            posting.idempotency_key, "idempotency_key", LONGEST_IDEMPOTENCY_KEY
        ),
    )


async def _lock(connection: Connection, account_id: str) -> AccountState:
    account_uuid = read_id(account_id, AccountUnknownError)
    row = await connection.fetchrow(_QUERIES["lock_account"], account_uuid)
    if row is None:
        raise AccountUnknownError(account_id)
    return AccountState(row["balance_mc"], row["last_sequence"], row["last_sync_number"])


def _same(posting: Posting, entry: Entry) -> Entry:
    asked = (posting.entry_type, posting.amount_mc, posting.description)
    if asked != (entry.entry_type, entry.amount_mc, entry.description):
        raise IdempotencyConflictError(
            f"idempotency key {posting.idempotency_key!r} was used for another "
            f"{entry.entry_type} of this account"
        )
    return entry


async def _insert(
    connection: Connection, posting: Posting, link: Link, sync_number: int
) -> asyncpg.Record:
    return await the_row(
        connection,
        _QUERIES["post_entry"],
        new_id(),
        posting.account_id,
        posting.amount_mc,
        link.before_mc,
        link.after_mc,
        link.sequence,
        sync_number,
        posting.entry_type,
        COUNTER_ACCOUNTS[posting.entry_type],
        posting.description,
        posting.actor,
        posting.idempotency_key,
    )
