"""CSV as RFC 4180 has it, and safe to open in a spreadsheet."""

import csv
import io
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.exports.columns import Column, Kind, Table
from ledger.exports.csv_format import CsvWriter, inert


def written(rows: list[tuple[Any, ...]], *kinds: Kind) -> bytes:
    """A file of rows of these kinds."""
    columns = [
        Column(f"column_{place}", kind, lambda row, place=place: row[place])
        for place, kind in enumerate(kinds)
    ]
    writer: CsvWriter[tuple[Any, ...]] = CsvWriter(Table(columns, lambda _: {}))
    return writer.head() + writer.rows(rows) + writer.tail()


def test_lines_end_in_crlf_below_a_header_without_a_byte_order_mark() -> None:
    """RFC 4180, UTF-8."""
    text = written([("käse", 1), ("", 2)], Kind.TEXT, Kind.INTEGER)
    assert text == "column_0,column_1\r\nkäse,1\r\n,2\r\n".encode()


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("a,b", '"a,b"'),
        ('say "hello"', '"say ""hello"""'),
        ("two\nlines", '"two\nlines"'),
        ("two\r\nlines", '"two\r\nlines"'),
        ("=1+1", "'=1+1"),
        ("+49 30", "'+49 30"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", '"\'\r=1"'),
        ('=HYPERLINK("x",1)', '"\'=HYPERLINK(""x"",1)"'),
        (" =1", " =1"),
        ("a=1", "a=1"),
        ("'quoted'", "'quoted'"),
    ],
)
def test_a_text_is_quoted_where_it_must_be_and_never_a_formula(cell: str, shown: str) -> None:
    """A cell that a spreadsheet would run has an apostrophe before it."""
    assert written([(cell,)], Kind.TEXT) == f"column_0\r\n{shown}\r\n".encode()


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"]))), max_size=5))
def test_every_text_is_read_back_as_it_was_or_made_inert(rows: list[tuple[str]]) -> None:
    """Whatever people write, a reader of CSV gets it in its own cell."""
    text = written([(*row, 7) for row in rows], Kind.TEXT, Kind.INTEGER).decode()
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read[1:] == [[inert(cell), "7"] for (cell,) in rows]


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        (Kind.INTEGER, -5, "-5"),
        (Kind.INTEGER, 2**53 - 1, "9007199254740991"),
        (Kind.CREDITS, -1, "-0.001"),
        (Kind.CREDITS, 9_007_199_254_740_991, "9007199254740.991"),
        (Kind.CREDITS, 12_000, "12.0"),
        (Kind.RATE, "2.400000", "2.400000"),
        (Kind.PICOUSD, 123_450_000, "0.00012345"),
        (Kind.PICOUSD, 1, "0.000000000001"),
        (Kind.PICOUSD, 2_500_000_000_000, "2.50"),
        (Kind.BOOLEAN, True, "true"),
        (Kind.BOOLEAN, False, "false"),
        (Kind.TIME, datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31T12:00:00.000Z"),
        (
            Kind.TIME,
            datetime(2026, 1, 31, 12, 0, 0, 999_999, timezone(timedelta(hours=2))),
            "2026-01-31T10:00:00.999Z",
        ),
        (Kind.TEXT, None, ""),
        (Kind.CREDITS, None, ""),
        (Kind.INTEGER, 0, "0"),
    ],
)
def test_values_are_exact_and_numbers_untouched(kind: Kind, value: object, shown: str) -> None:
    """Decimals digit by digit, times in UTC; a number below zero gets no apostrophe."""
    text = written([(value, 7)], kind, Kind.INTEGER).decode()
    assert text.splitlines()[1] == f"{shown},7"


def test_batches_add_up_to_one_file() -> None:
    """The header once, however the rows come."""
    table: Table[tuple[Any, ...]] = Table([Column("n", Kind.INTEGER, lambda row: row[0])], dict)
    whole, parts = CsvWriter(table), CsvWriter(table)
    one_by_one = parts.head() + b"".join(parts.rows([(number,)]) for number in range(5))
    assert whole.head() + whole.rows([(number,) for number in range(5)]) == one_by_one
