"""Pages of usage, entries and alerts, newest first, of one account or of all."""

from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from ledger.database import transaction
from ledger.entries import Entry, read_entry
from ledger.pages import Page, Position, Window, page_of
from ledger.queries import load_queries
from ledger.texts import read_id

_QUERIES = load_queries("reports")


class RequestUnknownError(Exception):
    """The account has no such call."""


class UsageFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls; None means any. Only operators leave the account open."""

    account_id: str | None
    model: str | None = None
    key_id: str | None = None
    status: str | None = None


class EntryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries; None means any. Only operators leave the account open."""

    account_id: str | None
    entry_type: str | None = None


class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `units` and `rates` are JSON as stored; `charge_mc` is what it cost in all."""

    request_id: str
    account_id: str
    key_id: str
    created_at: datetime
    posted_at: datetime
    model: str
    endpoint: str
    status: str
    basis: str
    is_stream: bool
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    units: str
    rates: str
    rate_version: str
    rounding: str
    ceiling_mc: int
    charge_mc: int
    latency_ms: int | None


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Something that an operator must look at."""

    alert_id: str
    kind: str
    account_id: str | None
    request_id: str | None
    amount_mc: int | None
    detail: str
    raised_at: datetime


class Reports:
    """Reads pages. All methods raise DatabaseUnavailableError when Postgres is away."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def usage(self, wanted: UsageFilter, window: Window) -> Page[UsageRow]:
        """Calls by the time at which they were posted; the truth in place of an orphan's row."""
        filters = (wanted.model, wanted.key_id, wanted.status)
        rows = await self._rows("usage", wanted.account_id, window, filters)
        calls = [read_usage_row(row) for row in rows]
        return page_of(
            calls, window.limit, lambda call: Position(call.posted_at, UUID(call.request_id))
        )

    async def call(self, account_id: str, request_id: str) -> UsageRow:
        """One call of an account.

        Raises:
            RequestUnknownError: there is none, or it is another account's.
        """
        request_uuid = read_id(request_id, RequestUnknownError)
        rows = await self._fetch("call_of_account", request_uuid, account_id)
        if not rows:
            raise RequestUnknownError(request_id)
        return read_usage_row(rows[0])

    async def entries(self, wanted: EntryFilter, window: Window) -> Page[Entry]:
        """Movements of balances."""
        rows = await self._rows("entries", wanted.account_id, window, (wanted.entry_type,))
        entries = [read_entry(row) for row in rows]
        return page_of(
            entries, window.limit, lambda entry: Position(entry.posted_at, UUID(entry.entry_id))
        )

    async def alerts(self, kind: str | None, window: Window) -> Page[Alert]:
        """What operators must look at, of one kind or all."""
        rows = await self._fetch("alerts", *window.bounds(), kind, window.limit + 1)
        alerts = [_alert(row) for row in rows]
        return page_of(
            alerts, window.limit, lambda alert: Position(alert.raised_at, UUID(alert.alert_id))
        )

    async def _rows(
        self, what: str, account_id: str | None, window: Window, filters: tuple[str | None, ...]
    ) -> list[asyncpg.Record]:
        arguments = (*window.bounds(), *filters, window.limit + 1)
        if account_id is None:
            return await self._fetch(f"{what}_of_all", *arguments)
        return await self._fetch(f"{what}_of_account", account_id, *arguments)

    async def _fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        async with transaction(self._pool) as connection:
            await connection.execute(_QUERIES["plan_for_what_is_asked"])
            return await connection.fetch(_QUERIES[query], *arguments)


def read_usage_row(row: asyncpg.Record) -> UsageRow:
    """A call out of a row of `usage_records`."""
    values = dict(row)
    for name in ("request_id", "account_id", "key_id"):
        values[name] = str(values[name])
    return UsageRow(**values)


def _alert(row: asyncpg.Record) -> Alert:
    return Alert(
        alert_id=str(row["id"]),
        kind=row["kind"],
        account_id=_text(row["account_id"]),
        request_id=_text(row["request_id"]),
        amount_mc=row["amount_mc"],
        detail=row["detail"],
        raised_at=row["raised_at"],
    )


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
