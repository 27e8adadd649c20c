"""What the page's address asks for: filters, places in lists, a range of days."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlencode

from aiohttp import web

from console.handling import bad_value
from console.json import timestamp
from console.paging import LONGEST_FILTER, ReadFilter, read_cursor, read_period
from ledger.pages import Position, Window

# What the page says once: links on it lead to the page without.
_SAID_ONCE = ("saved", "card", "checkout", "cancelled", "session_id")
_A_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class PageQuery:
    """The page's query string. Names that no part knows change nothing."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = {name: value for name, value in given.items() if value}

    @classmethod
    def of(cls, request: web.Request) -> "PageQuery":
        """Of a request; of a name that is given twice the last counts."""
        return cls({name: value for name, value in request.query.items() if value.isprintable()})

    def get(self, name: str) -> str | None:
        """What was given under a name, None where nothing was."""
        return self._given.get(name)

    def link(self, **changes: str | int | None) -> str:
        """The query string with some values changed, or left out with None; at least `?`."""
        merged = {**dict(self.others()), **changes}
        return "?" + urlencode({name: value for name, value in merged.items() if value})

    def others(self, *names: str) -> list[tuple[str, str]]:
        """What is given under all names but these: what a form of these keeps."""
        left_out = (*names, *_SAID_ONCE)
        return [(name, value) for name, value in self._given.items() if name not in left_out]

    def read(self, filters: Mapping[str, ReadFilter]) -> dict[str, str]:
        """The filters that are given.

        Raises:
            ApiError: 400, one is wrong.
        """
        found = {name: self._given[name] for name in filters if name in self._given}
        for name, value in found.items():
            if len(value) > LONGEST_FILTER:
                raise bad_value(name, "is too long")
        return {name: filters[name](name, value) for name, value in found.items()}

    def window(self, cursor: str, limit: int) -> Window:
        """The part of a list that is asked for; days are whole, the last one too, in UTC.

        Raises:
            ApiError: 400, a time or the cursor is wrong.
        """
        start, end = read_period(self._given)
        if end is not None and _A_DAY.fullmatch(self._given["to"]):
            end = _day_after(end)
        return Window(limit=limit, below=self.below(cursor), start=start, end=end)

    def below(self, cursor: str) -> Position | None:
        """Where the page of a list begins whose cursor has this name.

        Raises:
            ApiError: 400, the cursor is wrong.
        """
        return read_cursor({"cursor": self._given[cursor]}) if cursor in self._given else None


def api_query(window: Window, filters: Mapping[str, str], **more: str) -> str:
    """The same rows, asked for of the API."""
    values = {**more, **filters}
    for name, at in (("from", window.start), ("to", window.end)):
        if at is not None:
            values[name] = timestamp(at)
    return urlencode(values)


def _day_after(day: datetime) -> datetime:
    try:
        return day + timedelta(days=1)
    except OverflowError:
        raise bad_value("to", "is too late") from None
