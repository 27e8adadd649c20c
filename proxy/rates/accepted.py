"""A book of rates that was found good, and the circumstances under which it was taken."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from config.rates import RateTable

Reason = Literal["start", "file changed", "signal"]


class Book(Protocol):
    """What knows the rates of any moment, in seconds since 1970."""

    def table_at(self, moment_s: int) -> RateTable:
        """The table in force then."""

    def next_change_s(self, moment_s: int) -> int | None:
        """The first moment after this one at which something changes."""


@dataclass(frozen=True, kw_only=True)
class AcceptedRates:
    """A book, the text and the file that it was read from, and why, when and where it was taken.

    `since_s` (seconds since 1970) is when the rates of its present came into force.
    """

    book: Book
    text: str
    source: str
    reason: Reason
    accepted_at: datetime
    since_s: int
    host: str
    file_owner: str


class RatesSource(Protocol):
    """Where a process has its rates from."""

    def first(self) -> AcceptedRates:
        """The rates to begin with; raises ConfigError where there are none."""

    def look(self, *, is_asked: bool = False) -> AcceptedRates | None:
        """New rates, if there are any; what is wrong with them is logged, not raised."""
