"""The ledger as a plain-text accounting journal, which hledger and ledger read. Pure."""

import re
from datetime import UTC, datetime

import msgspec

from ledger.chart import credits_of
from pricing.money import credits_text

COMMODITY = "CR"
HEADER = f"commodity 1.000 {COMMODITY}\n"

# What ends a description or an account name in a journal, or begins a comment.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f;|\u2028\u2029]| {2,}")


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A ledger entry as the journal shows it, in millicredits."""

    entry_id: str
    account_id: str
    posted_at: datetime
    entry_type: str
    amount_mc: int
    balance_after_mc: int
    counter_account: str
    ref: str | None
    description: str


def journal_entry(entry: JournalEntry) -> str:
    """One balanced transaction, which asserts the balance that it leaves.

    What a customer has is owed to that customer: a balance is a negative liability.
    """
    posted_at = entry.posted_at.astimezone(UTC)
    tags = f"id:{entry.entry_id}, type:{entry.entry_type}, at:{posted_at.isoformat()}"
    if entry.ref:
        tags += f", ref:{_one_line(entry.ref)}"
    liability = credits_of(entry.account_id)
    return (
        f"\n{posted_at:%Y-%m-%d} * {_one_line(entry.description) or entry.entry_type}\n"
        f"    ; {tags}\n"
        f"    {liability}  {_amount(-entry.amount_mc)} = {_amount(-entry.balance_after_mc)}\n"
        f"    {_one_line(entry.counter_account)}  {_amount(entry.amount_mc)}\n"
    )


def _amount(amount_mc: int) -> str:
    return f"{credits_text(amount_mc)} {COMMODITY}"


def _one_line(text: str) -> str:
    return _UNSAFE.sub(" ", text).strip()
