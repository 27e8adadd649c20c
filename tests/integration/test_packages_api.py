"""`GET /v1/credits/packages`: what can be bought."""

import json
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpClient

from config.packages import Package, load_packages
from config.settings import DEFAULT_FOLDER
from console.packages_api import PackagesApi, cents_number, percent_number
from pricing.packages import offer


async def listed(aiohttp_client: AiohttpClient, *packages: Package, per_usd: int = 1000) -> Any:
    """The answer, its numbers digit by digit."""
    app = web.Application()
    app.add_routes(PackagesApi([offer(one, per_usd) for one in packages], per_usd).routes())
    client = await aiohttp_client(app)
    async with client.get("/v1/credits/packages") as response:
        assert response.status == 200
        assert response.headers["Cache-Control"] == "no-store"
        return json.loads(await response.read(), parse_float=Decimal)


async def test_the_shipped_packages_cost_and_give_what_the_contract_says(
    aiohttp_client: AiohttpClient,
) -> None:
    """Section 2: 9,990, 52,489 and 109,989 credits; 49,990 and 99,990 without the bonus."""
    answer = await listed(aiohttp_client, *load_packages(DEFAULT_FOLDER).values())
    assert (answer["nextCursor"], answer["creditsPerUsd"], answer["currency"]) == (
        None,
        1000,
        "usd",
    )
    assert [
        (one["packageId"], one["priceUsd"], one["baseCredits"], one["totalCredits"])
        for one in answer["data"]
    ] == [
        ("starter", Decimal("9.99"), 9990, 9990),
        ("professional", Decimal("49.99"), 49990, 52489),
        ("enterprise", Decimal("99.99"), 99990, 109989),
    ]
    assert answer["data"][1] == {
        "packageId": "professional",
        "label": "Professional",
        "tag": "Best for frequent use • Save vs Starter",
        "priceUsd": Decimal("49.99"),
        "priceCents": 4999,
        "bonusPercent": 5,
        "baseMillicredits": "49990000",
        "baseCredits": Decimal("49990.0"),
        "bonusMillicredits": "2499000",
        "bonusCredits": Decimal("2499.0"),
        "totalMillicredits": "52489000",
        "totalCredits": Decimal("52489.0"),
        "rounded": False,
    }


async def test_a_rounded_package_says_so(aiohttp_client: AiohttpClient) -> None:
    """`display_rounding` rounds the total up, and the card says so."""
    package = Package(
        package_id="round",
        label="Round",
        tag="",
        price_cents=4999,
        bonus_basis_points=500,
        display_rounding=100,
    )
    answer = await listed(aiohttp_client, package)
    [shown] = answer["data"]
    assert (shown["totalMillicredits"], shown["rounded"]) == ("52500000", True)
    assert shown["bonusMillicredits"] == "2510000"


@pytest.mark.parametrize(("cents", "text"), [(50, b"0.50"), (999, b"9.99"), (10000, b"100.00")])
def test_a_price_is_written_digit_by_digit(cents: int, text: bytes) -> None:
    """No float is near money."""
    assert bytes(cents_number(cents)) == text


@pytest.mark.parametrize(
    ("basis_points", "text"),
    [(0, b"0"), (500, b"5"), (750, b"7.5"), (1025, b"10.25"), (10000, b"100")],
)
def test_a_bonus_is_a_number_of_percent(basis_points: int, text: bytes) -> None:
    """As many decimals as there are."""
    assert bytes(percent_number(basis_points)) == text
