"""The query string of a list: limit, cursor, from, to and filters; each wrong one is a 400."""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from aiohttp import web

from console.handling import bad_value
from ledger.pages import BadCursorError, Position, Window, decode_cursor
from ledger.texts import BadTextError, plain_text

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 1000
LONGEST_FILTER = 200
JSON = "json"
_PAGING = ("limit", "cursor", "from", "to", "format")

# Reads one filter's text, or raises ApiError with its name.
ReadFilter = Callable[[str, str], str]

_LIMIT = re.compile(r"[0-9]{1,4}")


class ListQuery(msgspec.Struct, frozen=True):
    """What part of a list is asked for, the filters that were given, and in which format.

    `limit` is the one that was given; the window has a default.
    """

    window: Window
    filters: Mapping[str, str]
    format: str
    limit: int | None


def read_list_query(
    request: web.Request, filters: Mapping[str, ReadFilter], formats: Collection[str] = (JSON,)
) -> ListQuery:
    """The query of a list that knows these filters and formats.

    Raises:
        ApiError: 400 with the parameter that is unknown, repeated or wrong.
    """
    given = _single_values(request, {*_PAGING, *filters})
    chosen = choice_filter(formats)("format", given.get("format", JSON))
    start, end = read_period(given)
    limit = _read_limit(given.get("limit"))
    window = Window(limit=limit or DEFAULT_LIMIT, below=read_cursor(given), start=start, end=end)
    read = {name: filters[name](name, given[name]) for name in filters if name in given}
    return ListQuery(window, read, chosen, limit)


def read_filters(
    request: web.Request, filters: Mapping[str, ReadFilter], *, has_period: bool = True
) -> tuple[Mapping[str, str], datetime | None, datetime | None]:
    """The filters that were given, `from` and `to`, of a query without pages.

    Raises:
        ApiError: 400 with the parameter that is unknown, repeated or wrong.
    """
    given = _single_values(request, {*filters, *(("from", "to") if has_period else ())})
    read = {name: filters[name](name, given[name]) for name in filters if name in given}
    return read, *read_period(given)


def text_filter(name: str, value: str) -> str:
    """Any text of one line."""
    try:
        return plain_text(value, name, LONGEST_FILTER)
    except BadTextError as error:
        raise bad_value(name, error.reason) from None


def id_filter(name: str, value: str) -> str:
    """An id of ours."""
    try:
        return str(UUID(value))
    except ValueError:
        raise bad_value(name, "must be an id") from None


def choice_filter(choices: Collection[str]) -> ReadFilter:
    """One of these words."""

    def read(name: str, value: str) -> str:
        if value not in choices:
            raise bad_value(name, f"must be one of {', '.join(choices)}")
        return value

    return read


def _single_values(request: web.Request, known: Collection[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in request.query.items():
        if name not in known:
            raise bad_value(name, "is not a known parameter")
        if name in given:
            raise bad_value(name, "is given twice")
        given[name] = value
    return given


def read_period(given: Mapping[str, str]) -> tuple[datetime | None, datetime | None]:
    """`from` and `to`, where they are given.

    Raises:
        ApiError: 400, one is no time, or they are the wrong way round.
    """
    start, end = _read_time(given, "from"), _read_time(given, "to")
    if start and end and start > end:
        raise bad_value("from", "must not be after to")
    return start, end


def _read_limit(text: str | None) -> int | None:
    if text is None:
        return None
    if not _LIMIT.fullmatch(text) or not 1 <= int(text) <= LARGEST_LIMIT:
        raise bad_value("limit", f"must be a number from 1 to {LARGEST_LIMIT}")
    return int(text)


def read_cursor(given: Mapping[str, str]) -> Position | None:
    """Where a page begins, if a `cursor` is given.

    Raises:
        ApiError: 400, it is none of ours.
    """
    if "cursor" not in given:
        return None
    try:
        return decode_cursor(given["cursor"])
    except BadCursorError:
        raise bad_value("cursor", "must be a nextCursor of this list") from None


def _read_time(given: Mapping[str, str], name: str) -> datetime | None:
    if name not in given:
        return None
    try:
        at = datetime.fromisoformat(given[name])
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise bad_value(name, "must be a time like 2026-01-31 or 2026-01-31T12:00:00Z") from None
