"""The columns of ledger entries."""

from operator import attrgetter

from ledger.entries import Entry
from ledger.exports.columns import Column, Kind, amount_columns

ENTRY_COLUMNS: tuple[Column[Entry], ...] = (
    Column("id", Kind.TEXT, attrgetter("entry_id")),
    Column("transaction_id", Kind.TEXT, attrgetter("transaction_id"), internal=True),
    Column("account_id", Kind.TEXT, attrgetter("account_id"), internal=True),
    Column("sequence", Kind.INTEGER, attrgetter("sequence")),
    Column("created_at", Kind.TIME, attrgetter("posted_at")),
    Column("type", Kind.TEXT, attrgetter("entry_type")),
    *amount_columns("amount", attrgetter("amount_mc")),
    *amount_columns("balance_before", attrgetter("balance_before_mc")),
    *amount_columns("balance_after", attrgetter("balance_after_mc")),
    Column("counter_account", Kind.TEXT, attrgetter("counter_account"), internal=True),
    Column("ref", Kind.TEXT, attrgetter("ref")),
    Column("description", Kind.TEXT, attrgetter("description")),
    Column("actor", Kind.TEXT, attrgetter("actor"), internal=True),
    Column("corrects_entry_id", Kind.TEXT, attrgetter("corrects")),
    Column("expires_at", Kind.TIME, attrgetter("expires_at")),
    Column("receipt_url", Kind.TEXT, attrgetter("receipt_url")),
)
