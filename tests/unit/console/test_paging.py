"""The query strings of lists."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from aiohttp.test_utils import make_mocked_request

from console.errors import ApiError
from console.paging import ListQuery, choice_filter, id_filter, read_list_query, text_filter
from ledger.pages import Position, encode_cursor

FILTERS = {"model": text_filter, "keyId": id_filter, "type": choice_filter(("grant", "usage"))}


def read(query: str) -> ListQuery:
    return read_list_query(make_mocked_request("GET", f"/v1/credits/usage{query}"), FILTERS)


def test_without_parameters_a_list_is_the_newest_fifty() -> None:
    """Newest first, 50 rows, no filter."""
    query = read("")
    assert query.window.limit == 50
    assert query.window.below is None
    assert query.filters == {}


def test_all_parameters_are_read() -> None:
    """limit, cursor, from, to and filters."""
    position = Position(datetime(2026, 1, 15, tzinfo=UTC), UUID(int=7))
    query = read(
        f"?limit=1000&cursor={encode_cursor(position)}&from=2026-01-01&to=2026-02-01T01:00:00%2B01:00"
        "&model=gpt-4o&type=usage&format=json"
    )
    assert query.window.limit == 1000
    assert query.window.below == position
    assert query.window.start == datetime(2026, 1, 1, tzinfo=UTC)
    assert query.window.end == datetime(2026, 2, 1, tzinfo=UTC)
    assert query.filters == {"model": "gpt-4o", "type": "usage"}


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("?limit=0", "limit"),
        ("?limit=1001", "limit"),
        ("?limit=-1", "limit"),
        ("?limit=1.0", "limit"),
        ("?limit=", "limit"),
        ("?limit=٣", "limit"),
        ("?limit=1&limit=2", "limit"),
        ("?cursor=abc", "cursor"),
        ("?cursor=", "cursor"),
        ("?from=yesterday", "from"),
        ("?to=2026-13-01", "to"),
        ("?from=0001-01-01T00:00:00%2B01:00", "from"),
        ("?from=2026-02-01&to=2026-01-01", "from"),
        ("?model=", "model"),
        ("?model=%00", "model"),
        ("?keyId=7", "keyId"),
        ("?type=gift", "type"),
        ("?format=csv", "format"),
        ("?page=2", "page"),
        ("?key_id=x", "key_id"),
    ],
)
def test_a_wrong_parameter_is_a_400_that_names_it(query: str, param: str) -> None:
    """Unknown ones as well: a filter with a slip in its name must not show everything."""
    with pytest.raises(ApiError) as caught:
        read(query)
    error: dict[str, Any] = caught.value.body["error"]
    assert (caught.value.status, error["param"]) == (400, param)
    assert param in error["message"]
