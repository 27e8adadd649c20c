"""Our JSON: amounts digit by digit, times in UTC."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from console.json import amount, listing, timestamp, usd_number
from ledger.pages import Page, Position, decode_cursor
from pricing.money import LARGEST_MC

AMOUNTS = st.integers(-LARGEST_MC, LARGEST_MC)


@given(AMOUNTS)
def test_an_amount_is_shown_twice_and_exactly(amount_mc: int) -> None:
    """Numbers in JSON are written from the integers, never by way of a float."""
    shown = json.loads(msgspec.json.encode(amount("balance", amount_mc)), parse_float=Decimal)
    assert shown == {
        "balanceMillicredits": str(amount_mc),
        "balanceCredits": Decimal(amount_mc) / 1000,
    }


@given(AMOUNTS)
def test_dollars_are_exact_where_a_credit_is_a_tenth_of_a_cent(amount_mc: int) -> None:
    """1,000 credits are 1 USD."""
    assert Decimal(bytes(usd_number(amount_mc, 1000)).decode()) == Decimal(amount_mc) / 10**6


def test_times_are_utc_with_milliseconds() -> None:
    """ISO 8601, whatever the zone they come in."""
    at = datetime(2026, 1, 31, 13, 0, 0, 5999, timezone(timedelta(hours=1)))
    assert timestamp(at) == "2026-01-31T12:00:00.005Z"


def test_a_list_tells_its_next_cursor_or_null() -> None:
    """Lists answer `{"data": [...], "nextCursor": null | "…"}`."""
    position = Position(datetime(2026, 1, 31, tzinfo=UTC), UUID(int=7))
    more = listing(Page([1, 2], position), lambda number: {"number": number})
    assert more["data"] == [{"number": 1}, {"number": 2}]
    assert decode_cursor(more["nextCursor"]) == position
    assert listing(Page([], None), dict) == {"data": [], "nextCursor": None}
