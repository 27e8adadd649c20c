"""Parquet, for analysts: exact decimals, moments in UTC, row groups of bounded size."""

import io
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic

from ledger.exports.columns import Kind, Row, Table

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_OF_A_GROUP = 5_000


class ParquetWriter(Generic[Row]):
    """Rows into row groups. What is not full yet waits as Arrow's arrays, which are small."""

    def __init__(self, table: Table[Row]) -> None:
        # Loading it takes a moment and 60 MB, which nobody pays who wants no Parquet.
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415

        self._pa = pa
        self._columns = [
            (column.value, _CONVERSIONS.get(column.kind), _arrow_type(column.kind))
            for column in table.columns
        ]
        names = [column.name for column in table.columns]
        types = [arrow_type for _, _, arrow_type in self._columns]
        self._schema = pa.schema(list(zip(names, types, strict=True)))
        self._sink = _Sink()
        self._file = parquet.ParquetWriter(self._sink, self._schema, compression="zstd")
        self._waiting: list[pa.RecordBatch] = []

    def head(self) -> bytes:
        """The format's mark."""
        return self._sink.take()

    def rows(self, rows: Sequence[Row]) -> bytes:
        """A row group as soon as one is full."""
        arrays = [
            self._pa.array(_values(rows, value, convert), arrow_type)
            for value, convert, arrow_type in self._columns
        ]
        self._waiting.append(self._pa.record_batch(arrays, schema=self._schema))
        if sum(batch.num_rows for batch in self._waiting) >= ROWS_OF_A_GROUP:
            self._write_group()
        return self._sink.take()

    def tail(self) -> bytes:
        """The last row group, and where all are: without it nothing can be read."""
        if self._waiting:
            self._write_group()
        self._file.close()
        return self._sink.take()

    def _write_group(self) -> None:
        group = self._pa.Table.from_batches(self._waiting, self._schema)
        self._file.write_table(group, row_group_size=group.num_rows)
        self._waiting = []


class _Sink(io.RawIOBase):
    """Keeps what is written until it is taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts = []
        return taken


def _values(
    rows: Sequence[Row], value: Callable[[Row], Any], convert: Callable[[Any], Any] | None
) -> list[Any]:
    if convert is None:
        return [value(row) for row in rows]
    found = (value(row) for row in rows)
    return [None if one is None else convert(one) for one in found]


_CONVERSIONS: Mapping[Kind, Callable[[Any], Decimal]] = {
    Kind.CREDITS: lambda amount_mc: Decimal(amount_mc).scaleb(-3),
    Kind.RATE: Decimal,
    Kind.PICOUSD: lambda cost_picousd: Decimal(cost_picousd).scaleb(-12),
}


def _arrow_type(kind: Kind) -> "pa.DataType":
    import pyarrow as pa  # noqa: PLC0415

    types: Mapping[Kind, pa.DataType] = {
        Kind.TEXT: pa.string(),
        Kind.INTEGER: pa.int64(),
        Kind.BOOLEAN: pa.bool_(),
        Kind.TIME: pa.timestamp("us", "UTC"),
        Kind.CREDITS: pa.decimal128(19, 3),
        Kind.RATE: pa.decimal128(13, 6),
        Kind.PICOUSD: pa.decimal128(19, 12),
    }
    return types[kind]
