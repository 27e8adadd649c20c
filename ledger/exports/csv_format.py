"""CSV as RFC 4180 has it: UTF-8 without a mark, CRLF, a header; safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Generic

from ledger.exports.columns import Kind, Row, Table
from pricing.money import credits_text, usd_text_of_picousd

# What a spreadsheet would run as a formula where a cell begins with it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class CsvWriter(Generic[Row]):
    """Rows into lines, batch by batch."""

    def __init__(self, table: Table[Row]) -> None:
        self._header = [column.name for column in table.columns]
        self._cells = [(column.value, _CELLS[column.kind]) for column in table.columns]
        self._text = io.StringIO(newline="")
        self._csv = csv.writer(self._text, lineterminator="\r\n")

    def head(self) -> bytes:
        """The header row."""
        self._csv.writerow(self._header)
        return self._taken()

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Lines of rows, in their order."""
        cells = self._cells
        self._csv.writerows([_cell(show, value(row)) for value, show in cells] for row in rows)
        return self._taken()

    def tail(self) -> bytes:
        """Nothing: a table in CSV has no end."""
        return b""

    def _taken(self) -> bytes:
        text = self._text.getvalue()
        self._text.seek(0)
        self._text.truncate()
        return text.encode()


def inert(text: str) -> str:
    """The text; with an apostrophe before it where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def time_text(at: datetime) -> str:
    """`2026-01-31T12:00:00.000Z`, as everywhere in the API."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _cell(show: Callable[[Any], str], value: object) -> str:
    return "" if value is None else show(value)


def _boolean(value: bool) -> str:  # noqa: FBT001 - a cell's value
    return "true" if value else "false"


_CELLS: Mapping[Kind, Callable[[Any], str]] = {
    Kind.TEXT: inert,
    Kind.INTEGER: str,
    Kind.BOOLEAN: _boolean,
    Kind.TIME: time_text,
    Kind.CREDITS: credits_text,
    Kind.RATE: str,
    Kind.PICOUSD: usd_text_of_picousd,
}
