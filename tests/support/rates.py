"""Rate tables for tests, and what holds them where a server wants it."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from config.rate_book import load_rate_book
from config.rates import RateTable
from config.settings import DEFAULT_FOLDER
from proxy.rates.accepted import AcceptedRates
from proxy.rates.current import CurrentRates


def shipped_table(upstreams: frozenset[str] = frozenset({"openai"})) -> RateTable:
    """The shipped rates as of now."""
    return load_rate_book(DEFAULT_FOLDER, upstreams).table_at(int(time.time()))


def fixed_rates(table: RateTable) -> CurrentRates:
    """Rates that never change."""
    accepted = AcceptedRates(
        book=_FixedBook(table),
        text="",
        source="tests",
        reason="start",
        accepted_at=datetime.now(UTC),
        since_s=table.updated_at_s,
        host="tests",
        file_owner="tests",
    )
    return CurrentRates(accepted)


@dataclass(frozen=True)
class _FixedBook:
    table: RateTable

    def table_at(self, moment_s: int) -> RateTable:
        return self.table

    def next_change_s(self, moment_s: int) -> int | None:
        return None
