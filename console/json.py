"""Our own JSON: camelCase names, amounts written from integers, times in UTC."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from ledger.pages import Page, encode_cursor
from pricing.money import credits_text, usd_text

T = TypeVar("T")

Json = dict[str, Any]


def answer(content: Mapping[str, Any], status: int = 200) -> web.Response:
    """A response with JSON that nobody may keep a copy of."""
    return web.Response(
        body=msgspec.json.encode(content),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def amount(name: str, amount_mc: int) -> Json:
    """An amount, twice: `<name>Millicredits`, exact text, and `<name>Credits`, a number."""
    return {f"{name}Millicredits": str(amount_mc), f"{name}Credits": credits_number(amount_mc)}


def credits_number(amount_mc: int) -> msgspec.Raw:
    """Credits as a JSON number, digit by digit."""
    return msgspec.Raw(credits_text(amount_mc).encode())


def usd_number(amount_mc: int, credits_per_usd: int) -> msgspec.Raw:
    """US dollars as a JSON number, digit by digit."""
    return msgspec.Raw(usd_text(amount_mc, credits_per_usd).encode())


def timestamp(at: datetime) -> str:
    """`2026-01-31T12:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def listing(page: Page[T], row: Callable[[T], Json]) -> Json:
    """A page of a list: its rows, and the cursor of the next page or null."""
    following = page.next_position
    return {
        "data": [row(one) for one in page.rows],
        "nextCursor": None if following is None else encode_cursor(following),
    }
