"""The ledger as a plain-text accounting journal, which hledger and ledger read. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from ledger.chart import CHART, OPENING, credits_of
from ledger.entries import Entry
from pricing.money import credits_text, usd_text

COMMODITY = "CR"
EXTENSION = "journal"
MEDIA_TYPE = "text/plain; charset=utf-8"
TAGS = ("id", "transaction", "type", "at", "usd", "ref", "corrects", "expires", "actor")

_HEADER = f"""\
; The books of Tollgate. Amounts are credits; a customer's credits are owed to that customer.
; hledger -f FILE check --strict, hledger -f FILE balance; ledger reads it too.

commodity {COMMODITY}
    format 1.000 {COMMODITY}

"""
# What ends a description, a name or a tag in a journal, begins a comment, or is read as a date.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f;|,\[\]\u2028\u2029]")


class JournalStart(msgspec.Struct, frozen=True):
    """What a journal must say first.

    The names of all accounts in it, and the balances (millicredits, by account id) that customers
    had before its first entry, at `opened_at`.
    """

    accounts: Sequence[str]
    opened_at: datetime | None = None
    openings_mc: Mapping[str, int] = {}


class JournalWriter:
    """Entries into transactions, each of which asserts the balance that it leaves."""

    def __init__(self, start: JournalStart, credits_per_usd: int) -> None:
        self._start = start
        self._credits_per_usd = credits_per_usd

    def head(self) -> bytes:
        """Commodity, tags, the accounts with what each is for, and what came before."""
        tags = "".join(f"tag {name}\n" for name in TAGS)
        opened_at = self._start.opened_at
        openings = ""
        if opened_at is not None:
            openings = "".join(
                _opening(account_id, balance_mc, opened_at)
                for account_id, balance_mc in self._start.openings_mc.items()
            )
        names = {*self._start.accounts, *([OPENING] if openings else [])}
        return (_HEADER + tags + _accounts(names) + openings).encode()

    def rows(self, rows: Sequence[Entry]) -> bytes:
        """A transaction for each entry."""
        return "".join(self._transaction(entry) for entry in rows).encode()

    def tail(self) -> bytes:
        """Nothing: the last transaction was complete."""
        return b""

    def _transaction(self, entry: Entry) -> str:
        posted_at = entry.posted_at.astimezone(UTC)
        tags = {
            "id": entry.entry_id,
            "transaction": entry.transaction_id if entry.transaction_id != entry.entry_id else None,
            "type": entry.entry_type,
            "at": posted_at.isoformat(),
            "usd": usd_text(entry.amount_mc, self._credits_per_usd),
            "ref": entry.ref,
            "corrects": entry.corrects,
            "expires": None if entry.expires_at is None else entry.expires_at.isoformat(),
            "actor": entry.actor,
        }
        lines = (f"    ; {name}: {one_line(text)}\n" for name, text in tags.items() if text)
        title = _title(entry.description) or entry.entry_type
        return (
            f"\n{posted_at:%Y-%m-%d} * {title}\n{''.join(lines)}"
            + _liability(entry.account_id, entry.amount_mc, entry.balance_after_mc)
            + f"    {one_line(entry.counter_account)}  {_amount(entry.amount_mc)}\n"
        )


def one_line(text: str) -> str:
    """The text, with blanks in place of what would mean something in a journal."""
    return " ".join(_UNSAFE.sub(" ", text).split())


def _title(description: str) -> str:
    """A transaction's description; an empty code before it where it would be read as a code."""
    title = one_line(description)
    return f"() {title}" if title.startswith("(") else title


def purpose_of(account: str) -> str:
    """What the chart of accounts says that an account is for; empty for one that it lacks."""
    for line in CHART:
        below = line.account.endswith(":") and account.startswith(line.account)
        if below or account == line.account:
            return line.purpose
    return ""


def _accounts(names: Iterable[str]) -> str:
    unknown = "not in the chart of accounts"
    lines = (
        f"\naccount {one_line(name)}\n    ; {purpose_of(name) or unknown}" for name in sorted(names)
    )
    return "".join(lines) + "\n"


def _opening(account_id: str, balance_mc: int, opened_at: datetime) -> str:
    """What a customer had before: balances cannot be asserted without it."""
    return (
        f"\n{opened_at.astimezone(UTC):%Y-%m-%d} * Balance before\n"
        + _liability(account_id, balance_mc, balance_mc)
        + f"    {OPENING}  {_amount(balance_mc)}\n"
    )


def _liability(account_id: str, amount_mc: int, balance_mc: int) -> str:
    """What a customer has is owed to that customer: a balance is a negative liability."""
    return f"    {credits_of(account_id)}  {_amount(-amount_mc)} = {_amount(-balance_mc)}\n"


def _amount(amount_mc: int) -> str:
    return f"{credits_text(amount_mc)} {COMMODITY}"
