"""The formats of tables. A new one is a file beside this, and a line in `FORMATS`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from ledger.exports.columns import Table
from ledger.exports.csv_format import CsvWriter
from ledger.exports.jsonl_format import JsonlWriter
from ledger.exports.parquet_format import ParquetWriter

Row_contra = TypeVar("Row_contra", contravariant=True)


class Writer(Protocol[Row_contra]):
    """Turns rows into the bytes of a file, batch by batch; knows no files and no network."""

    def head(self) -> bytes:
        """How the file begins."""

    def rows(self, rows: Sequence[Row_contra]) -> bytes:
        """What can be written after these rows; perhaps less than all, perhaps nothing."""

    def tail(self) -> bytes:
        """How the file ends."""


class Format(msgspec.Struct, frozen=True):
    """A format of tables; `extension` is its name too. `can_gzip`: it is not compressed already."""

    extension: str
    media_type: str
    writer: Callable[[Table[Any]], Writer[Any]]
    can_gzip: bool = True


FORMATS: Mapping[str, Format] = {
    one.extension: one
    for one in (
        Format("csv", "text/csv; charset=utf-8; header=present", CsvWriter),
        Format("jsonl", "application/x-ndjson", JsonlWriter),
        Format("parquet", "application/vnd.apache.parquet", ParquetWriter, can_gzip=False),
    )
}
