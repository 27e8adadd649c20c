"""A calendar month in UTC. Pure."""

import re
from datetime import UTC, datetime

import msgspec

_MONTH = re.compile(r"(?P<year>[0-9]{4})-(?P<month>0[1-9]|1[0-2])")
_FIRST_YEAR = 2000


class BadMonthError(ValueError):
    """A text is no month that books can be closed for; says what would be right."""


class Month(msgspec.Struct, frozen=True):
    """A month, from the first moment of its first day to before that of the next month's."""

    year: int
    number: int

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    @property
    def start(self) -> datetime:
        """Its first moment."""
        return datetime(self.year, self.number, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        if self.number == 12:
            return datetime(self.year + 1, 1, 1, tzinfo=UTC)
        return datetime(self.year, self.number + 1, 1, tzinfo=UTC)


def read_month(text: str, now: datetime) -> Month:
    """The month of a text like 2026-11.

    Raises:
        BadMonthError: it is none, or has not begun.
    """
    found = _MONTH.fullmatch(text)
    if found is None or int(found["year"]) < _FIRST_YEAR or int(found["year"]) > 9998:
        raise BadMonthError(f"{text!r} is no month: write it like {now:%Y-%m}")
    month = Month(int(found["year"]), int(found["month"]))
    if month.start > now:
        raise BadMonthError(f"{month} has not begun yet: the newest month is {now:%Y-%m}")
    return month
