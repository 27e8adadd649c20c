"""Pages, windows and cursors."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.pages import (
    BadCursorError,
    Position,
    Window,
    decode_cursor,
    encode_cursor,
    page_of,
)

TIMES = st.datetimes(
    min_value=datetime(1, 1, 2),  # noqa: DTZ001 - made aware by `timezones`
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.just(UTC),
)
POSITIONS = st.builds(Position, TIMES, st.uuids())
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
ID = UUID(int=7)


@given(POSITIONS)
def test_a_cursor_leads_back_to_its_position(position: Position) -> None:
    """To the microsecond, which is as exact as Postgres is."""
    assert decode_cursor(encode_cursor(position)) == position


@given(st.text(max_size=40))
def test_a_text_is_a_cursor_or_refused(text: str) -> None:
    """Whatever people put into a URL."""
    try:
        position = decode_cursor(text)
    except BadCursorError:
        return
    assert encode_cursor(position) == text


@pytest.mark.parametrize("text", ["", "x", "A" * 31, "A" * 33, "f" * 32, "é" * 32, "A" * 32 + "\n"])
def test_a_text_that_was_never_given_out_is_refused(text: str) -> None:
    """Also one of the right length whose time no calendar knows."""
    with pytest.raises(BadCursorError):
        decode_cursor(text)


def test_a_window_ends_at_the_cursor_or_the_end_whichever_is_older() -> None:
    """`to` is exclusive, and a cursor does not lead out of `from` and `to`."""
    earlier = Position(NOON - timedelta(hours=1), ID)
    later = Position(NOON + timedelta(hours=1), ID)
    assert Window(limit=1, below=earlier, end=NOON).bounds()[:2] == (earlier.at, ID)
    assert Window(limit=1, below=later, end=NOON).bounds()[:2] == (NOON, UUID(int=0))
    assert Window(limit=1, start=NOON).bounds()[2] == NOON


def test_a_page_has_a_next_one_only_if_a_row_is_left() -> None:
    """The row too many is not shown; it says that there is more."""

    def position_of(number: int) -> Position:
        return Position(NOON, UUID(int=number))

    assert page_of([3, 2], 2, position_of).next_position is None
    page = page_of([3, 2, 1], 2, position_of)
    assert (page.rows, page.next_position) == ([3, 2], position_of(2))
