"""JSON Lines: one object a line, in the shapes of the API."""

from collections.abc import Sequence
from typing import Generic

import msgspec

from ledger.exports.columns import Row, Table


class JsonlWriter(Generic[Row]):
    """Rows into lines, batch by batch."""

    def __init__(self, table: Table[Row]) -> None:
        self._shape = table.shape
        self._encoder = msgspec.json.Encoder()

    def head(self) -> bytes:
        """Nothing: the first line is a row."""
        return b""

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Lines of rows, in their order."""
        return self._encoder.encode_lines([self._shape(row) for row in rows])

    def tail(self) -> bytes:
        """Nothing: the last line was a row."""
        return b""
