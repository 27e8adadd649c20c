"""Makes all checks: Redis account by account, then the ledger in one snapshot."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg

from ledger.database import Connection, acquired
from ledger.errors import AccountUnknownError
from ledger.queries import load_queries
from ledger.reconciliation.chain import ChainCheck
from ledger.reconciliation.charges import ChargeCheck
from ledger.reconciliation.checking import (
    STATEMENT_TIMEOUT_S,
    LedgerCheck,
    Progress,
    Round,
    Unwatched,
)
from ledger.reconciliation.days import DayCheck
from ledger.reconciliation.difference import Scope, Size
from ledger.reconciliation.expiring import ExpiringCheck
from ledger.reconciliation.purchases import PurchaseCheck
from ledger.reconciliation.redis_check import RedisCheck
from ledger.reconciliation.rejected import RejectedCheck
from ledger.reconciliation.report import MOST_LISTED, Findings, Report
from ledger.reconciliation.usage import UsageCheck

_QUERIES = load_queries("reconciliation")

# A check is a file of its own and a line here.
LEDGER_CHECKS: tuple[LedgerCheck, ...] = (
    RejectedCheck(),
    ChainCheck(),
    UsageCheck(),
    DayCheck(),
    ChargeCheck(),
    ExpiringCheck(),
    PurchaseCheck(),
)


class Reconciler:
    """Compares; changes nothing. Safe at any time."""

    def __init__(
        self, redis_check: RedisCheck, pool: asyncpg.Pool, *, most_listed: int = MOST_LISTED
    ) -> None:
        self._redis_check = redis_check
        self._pool = pool
        self._most_listed = most_listed

    async def run(self, scope: Scope, progress: Progress | None = None) -> Report:
        """All checks of a scope.

        Raises:
            AccountUnknownError: there is no such account.
            RedisUnavailableError, DatabaseUnavailableError: nobody knows; to be tried again.
        """
        started_s = time.monotonic()
        findings = Findings(self._most_listed)
        checked_at, size = await self._measure(scope)
        looked_at = Round(scope, size, progress or Unwatched())
        findings.made(self._redis_check.name)
        async for difference in self._redis_check.differences(looked_at):
            findings.add(difference)
        async with _snapshot(self._pool) as connection:
            for check in LEDGER_CHECKS:
                findings.made(check.name)
                async for difference in check.differences(connection, looked_at):
                    findings.add(difference)
        return Report(
            checked_at=checked_at,
            scope=scope,
            size=size,
            counts=dict(findings.counts),
            differences=tuple(findings.listed),
            duration_ms=int((time.monotonic() - started_s) * 1000),
        )

    async def _measure(self, scope: Scope) -> tuple[datetime, Size]:
        """The time in Postgres, by which everything is posted, and how much there is to check."""
        async with acquired(self._pool) as connection:
            if scope.account_id is not None:
                known = await connection.fetch(_QUERIES["versions"], [scope.account_id])
                if not known:
                    raise AccountUnknownError(str(scope.account_id))
            rows = await connection.fetch(
                _QUERIES["scope_size"], *scope.bounds(), timeout=STATEMENT_TIMEOUT_S
            )
        row = rows[0]
        return row["checked_at"], Size(row["accounts"], row["entries"], row["usage_rows"])


@asynccontextmanager
async def _snapshot(pool: asyncpg.Pool) -> AsyncIterator[Connection]:
    async with (
        acquired(pool) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield connection
