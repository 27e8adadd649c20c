"""What a check finds, and what it is asked to look at. Pure."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

Unit = Literal["", "millicredits", "picodollars"]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Two things that should be the same and are not.

    `expected` and `actual` are digits where `unit` says of what, else words. `reference` is the
    request, entry or sync at fault, where it is one. `account_id` is None where no one can tell.
    """

    check: str
    account_id: str | None
    what: str
    expected: str
    actual: str
    reference: str = ""
    unit: Unit = ""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What to look at: one account or all; entries and usage posted from `start` to before `end`.

    What is not of a time (balances, Redis) is looked at whatever the period.
    """

    account_id: UUID | None = None
    start: datetime | None = None
    end: datetime | None = None

    @property
    def is_full(self) -> bool:
        """Whether it is everything."""
        return self == Scope()

    def bounds(self) -> tuple[UUID | None, datetime | None, datetime | None]:
        """The first three parameters of most statements."""
        return self.account_id, self.start, self.end


class Size(msgspec.Struct, frozen=True):
    """How much there is in a scope."""

    accounts: int
    entries: int
    usage_rows: int
