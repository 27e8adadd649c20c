"""What a table of an export is: its columns, the kinds of their values, and its rows as JSON."""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Generic, TypeVar

import msgspec

Row = TypeVar("Row")


class Kind(Enum):
    """What a column's values are, and so how each format shows them."""

    TEXT = "text"
    INTEGER = "a whole number"
    BOOLEAN = "true or false"
    TIME = "a moment, with its zone"
    CREDITS = "millicredits, shown as a decimal number of credits"
    RATE = "a rate as it was written: a decimal number with at most six decimals"
    PICOUSD = "10^-12 USD, shown as a decimal number of USD"


class Column(msgspec.Struct, Generic[Row], frozen=True):
    """One column. `value` is None where a row has none.

    Customers do not get what is `internal`.
    """

    name: str
    kind: Kind
    value: Callable[[Row], Any]
    internal: bool = False


class Table(msgspec.Struct, Generic[Row], frozen=True):
    """What is exported: columns for formats of cells, `shape` for formats of JSON."""

    columns: Sequence[Column[Row]]
    shape: Callable[[Row], Mapping[str, Any]]


def for_customers(columns: Sequence[Column[Row]]) -> tuple[Column[Row], ...]:
    """The columns that an account may see of its own rows."""
    return tuple(column for column in columns if not column.internal)


def amount_columns(
    name: str, value_mc: Callable[[Row], int], *, internal: bool = False
) -> tuple[Column[Row], Column[Row]]:
    """An amount twice: in millicredits and in credits."""
    return (
        Column(f"{name}_millicredits", Kind.INTEGER, value_mc, internal),
        Column(f"{name}_credits", Kind.CREDITS, value_mc, internal),
    )
