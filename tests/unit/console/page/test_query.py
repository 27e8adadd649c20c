"""What the page's address asks for."""

from datetime import UTC, datetime

import pytest

from console.errors import ApiError
from console.page.query import PageQuery, api_query
from console.paging import text_filter
from ledger.pages import Window


def test_a_link_keeps_what_is_not_changed() -> None:
    """Other parts' filters stay; None leaves one out, and so does an empty text."""
    query = PageQuery({"model": "gpt-4o", "days": "7", "empty": ""})
    assert query.link(days=30) == "?model=gpt-4o&days=30"
    assert query.link(model=None) == "?days=7"
    assert query.others("model") == [("days", "7")]
    assert PageQuery({}).link() == "?"


def test_links_do_not_say_again_what_was_said_once() -> None:
    """A checkout that people came back from, a setting that was saved."""
    query = PageQuery({"days": "7", "saved": "settings", "checkout": "x", "cancelled": "1"})
    assert query.link(cursor="y") == "?days=7&cursor=y"
    assert query.others() == [("days", "7")]
    assert query.get("saved") == "settings"


def test_days_are_whole_days_the_last_one_too() -> None:
    """To the 29th means until the 30th begins, in UTC."""
    window = PageQuery({"from": "2026-11-28", "to": "2026-11-29"}).window("cursor", 10)
    assert window.start == datetime(2026, 11, 28, tzinfo=UTC)
    assert window.end == datetime(2026, 11, 30, tzinfo=UTC)


def test_a_time_is_the_end_itself() -> None:
    """What is more exact than a day is taken as it is."""
    window = PageQuery({"to": "2026-11-29T12:00:00Z"}).window("cursor", 10)
    assert window.end == datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-11-30", "to": "2026-11-28"}, "from"),
        ({"to": "9999-12-31"}, "to"),
        ({"cursor": "x"}, "cursor"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, str], param: str) -> None:
    """A 400 that names the field."""
    with pytest.raises(ApiError) as caught:
        PageQuery(given).window("cursor", 10)
    assert (caught.value.status, caught.value.body["error"]["param"]) == (400, param)


def test_a_filter_that_is_too_long_is_refused() -> None:
    """Nobody's address is that long."""
    with pytest.raises(ApiError):
        PageQuery({"model": "x" * 201}).read({"model": text_filter})


def test_the_api_is_asked_for_the_same_rows() -> None:
    """A file has exactly what the table shows: its filters, and its days as times."""
    window = PageQuery({"to": "2026-11-29"}).window("cursor", 10)
    asked = api_query(window, {"model": "gpt-4o"}, format="csv")
    assert asked == "format=csv&model=gpt-4o&to=2026-11-30T00%3A00%3A00.000Z"
    assert api_query(Window(limit=1), {}) == ""
