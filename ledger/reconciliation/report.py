"""What a reconciliation has found: how many differences, by check, and the first ones. Pure."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import msgspec

from ledger.reconciliation.difference import Difference, Scope, Size

MOST_LISTED = 100  # of each check


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole reconciliation. `counts` has every check that was made, also with 0."""

    checked_at: datetime
    scope: Scope
    size: Size
    counts: dict[str, int]
    differences: tuple[Difference, ...]
    duration_ms: int

    @property
    def difference_count(self) -> int:
        """How many there are, listed or not."""
        return sum(self.counts.values())

    @property
    def is_ok(self) -> bool:
        """Whether there is none."""
        return self.difference_count == 0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One of the past. `counts` has the number of differences by check."""

    checked_at: datetime
    is_full: bool
    is_ok: bool
    counts: Mapping[str, int]
    duration_ms: int


class LastResults(msgspec.Struct, frozen=True):
    """The newest of all, the newest that looked at everything, the newest that found nothing."""

    newest: Result | None
    full: Result | None
    good: Result | None


class Findings:
    """Counts all differences and keeps the first ones of each check."""

    def __init__(self, most_listed: int) -> None:
        self._most_listed = most_listed
        self.counts: Counter[str] = Counter()
        self.listed: list[Difference] = []

    def made(self, check: str) -> None:
        """A check was made, whatever it finds."""
        self.counts[check] += 0

    def add(self, difference: Difference) -> None:
        """One more."""
        self.counts[difference.check] += 1
        if self.counts[difference.check] <= self._most_listed:
            self.listed.append(difference)
