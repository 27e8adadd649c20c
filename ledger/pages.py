"""Pages of lists that are sorted by (time, id), newest first, and their cursors."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar
from uuid import UUID

import msgspec

T = TypeVar("T")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_BEGINNING_OF_TIME = datetime(1, 1, 1, tzinfo=UTC)
_END_OF_TIME = datetime(9999, 12, 31, tzinfo=UTC)
_LOWEST_ID = UUID(int=0)
_TIME_BYTES = 8


class BadCursorError(ValueError):
    """A cursor is none that was ever given out."""


class Position(msgspec.Struct, frozen=True, order=True):
    """A row's place; a page goes on with what is older. Python orders it like Postgres."""

    at: datetime
    id: UUID


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """What part of a list is asked for: times from `start` to before `end`, below a position."""

    limit: int
    below: Position | None = None
    start: datetime | None = None
    end: datetime | None = None

    def bounds(self) -> tuple[datetime, UUID, datetime]:
        """The lowest (time, id) that is too new, and the oldest time that is still wanted."""
        end = Position(self.end or _END_OF_TIME, _LOWEST_ID)
        upper = end if self.below is None else min(end, self.below)
        return upper.at, upper.id, self.start or _BEGINNING_OF_TIME


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some rows, newest first, and where the next page begins, if there is one."""

    rows: Sequence[T]
    next_position: Position | None


def page_of(rows: Sequence[T], limit: int, position_of: Callable[[T], Position]) -> Page[T]:
    """A page out of `limit + 1` rows at most: the one too many says that there is a next page."""
    if len(rows) <= limit:
        return Page(rows, None)
    return Page(rows[:limit], position_of(rows[limit - 1]))


def encode_cursor(position: Position) -> str:
    """The text for a position: 32 url-safe characters."""
    microseconds = (position.at - EPOCH) // MICROSECOND
    time = microseconds.to_bytes(_TIME_BYTES, "big", signed=True)
    return urlsafe_b64encode(time + position.id.bytes).decode()


def decode_cursor(text: str) -> Position:
    """The position of a cursor.

    Raises:
        BadCursorError: it is none.
    """
    try:
        data = urlsafe_b64decode(text.encode("ascii"))
        microseconds = int.from_bytes(data[:_TIME_BYTES], "big", signed=True)
        position = Position(EPOCH + microseconds * MICROSECOND, UUID(bytes=data[_TIME_BYTES:]))
    except (Base64Error, ValueError, OverflowError):
        raise BadCursorError(text) from None
    # base 64 has other spellings of the same bytes.
    if encode_cursor(position) != text:
        raise BadCursorError(text)
    return position
