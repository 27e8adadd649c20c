"""`/v1/credits/settings`: what customers set for their credits."""

import json
from decimal import Decimal
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from tests.support.people import Desk


async def ask(
    client: TestClient, account_id: str, body: object = None, status: int = 200
) -> dict[str, Any]:
    """The settings; after a change, if there is a body."""
    method = "GET" if body is None else "PUT"
    headers = {"X-Account": account_id}
    async with client.request(
        method, "/v1/credits/settings", headers=headers, json=body
    ) as response:
        assert response.status == status, await response.text()
        content: dict[str, Any] = json.loads(await response.read(), parse_float=Decimal)
        return content


async def test_an_account_that_has_set_nothing_has_the_operators_defaults(
    desk: Desk, client: TestClient
) -> None:
    """The threshold and the address that count are shown, and that they are defaults."""
    account = await desk.accounts.create("Ada", "ada@example.com")
    assert await ask(client, account.account_id) == {
        "lowBalanceThresholdMillicredits": "500000",
        "lowBalanceThresholdCredits": Decimal("500.0"),
        "lowBalanceThresholdIsDefault": True,
        "email": "ada@example.com",
        "emailIsDefault": True,
        "card": None,
        "autoRecharge": {
            "enabled": False,
            "state": "off",
            "thresholdMillicredits": None,
            "thresholdCredits": None,
            "packageId": None,
            "monthlyLimitUsd": None,
            "monthlyLimitCents": None,
            "reason": None,
            "actionUrl": None,
        },
    }


async def test_an_account_is_low_below_its_own_threshold(desk: Desk, client: TestClient) -> None:
    """Low balance: the account's own threshold counts, and null gives the operator's back."""
    account = await desk.account_with(600_000)

    async def balance() -> tuple[bool, Decimal]:
        headers = {"X-Account": account.account_id}
        async with client.get("/v1/credits/balance", headers=headers) as response:
            content = json.loads(await response.read(), parse_float=Decimal)
            return content["lowBalance"], content["lowBalanceThresholdCredits"]

    assert await balance() == (False, Decimal("500.0"))
    await ask(client, account.account_id, {"lowBalanceThresholdCredits": "600.001"})
    assert await balance() == (True, Decimal("600.001"))
    await ask(client, account.account_id, {"lowBalanceThresholdCredits": None})
    assert await balance() == (False, Decimal("500.0"))


async def test_what_is_not_in_a_change_stays(desk: Desk, client: TestClient) -> None:
    """A change names what it changes; automatic recharge without a card waits for one."""
    account = await desk.account_with(0)
    wish = {
        "enabled": True,
        "thresholdCredits": 1000.5,
        "packageId": "starter",
        "monthlyLimitUsd": 100,
    }
    changed = await ask(client, account.account_id, {"autoRecharge": wish})
    assert changed["autoRecharge"]["state"] == "paused"
    assert "No card is saved" in changed["autoRecharge"]["reason"]
    assert changed["autoRecharge"]["actionUrl"]
    again = await ask(
        client,
        account.account_id,
        {"email": "bills@example.com", "autoRecharge": {"monthlyLimitUsd": "49.9"}},
    )
    assert (again["email"], again["emailIsDefault"]) == ("bills@example.com", False)
    assert again["autoRecharge"]["thresholdMillicredits"] == "1000500"
    assert again["autoRecharge"]["monthlyLimitCents"] == 4990
    assert again["autoRecharge"]["packageId"] == "starter"
    assert again == await ask(client, account.account_id)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"lowBalanceThresholdCredits": -1}, "lowBalanceThresholdCredits"),
        ({"lowBalanceThresholdCredits": "5,5"}, "lowBalanceThresholdCredits"),
        ({"email": "nobody"}, "email"),
        ({"autoRecharge": {"enabled": True}}, "autoRecharge.thresholdCredits"),
        ({"autoRecharge": {"enabled": "yes"}}, "autoRecharge.enabled"),
        ({"autoRecharge": {"packageId": "gold"}}, "autoRecharge.packageId"),
        ({"autoRecharge": {"monthlyLimitUsd": 1.005}}, "autoRecharge.monthlyLimitUsd"),
        ({"autoRecharge": {"monthlyLimitUsd": '"1"'}}, "autoRecharge.monthlyLimitUsd"),
        ({"autoRecharge": {"monthlyLimitUsd": -5}}, "autoRecharge.monthlyLimitUsd"),
        (
            {"autoRecharge": {"packageId": "starter", "monthlyLimitUsd": 9}},
            "autoRecharge.monthlyLimitUsd",
        ),
        ({"autoRecharge": {"limit": 5}}, "autoRecharge.limit"),
        ({"threshold": 5}, "threshold"),
    ],
)
async def test_what_is_wrong_is_named(
    desk: Desk, client: TestClient, body: dict[str, Any], param: str
) -> None:
    """A 400 with the field at fault; nothing is changed."""
    account = await desk.account_with(0)
    refused = await ask(client, account.account_id, body, status=400)
    assert refused["error"]["param"] == param
    settings = await ask(client, account.account_id)
    assert settings["autoRecharge"]["state"] == "off"
    assert settings["lowBalanceThresholdIsDefault"]


@pytest.mark.parametrize("field", ["thresholdCredits", "monthlyLimitUsd"])
async def test_bytes_that_are_no_text_are_a_400(desk: Desk, client: TestClient, field: str) -> None:
    """What is wrong is named, also where it is not UTF-8."""
    account = await desk.account_with(0)
    body = b'{"autoRecharge":{"%s":"\xff"}}' % field.encode()
    headers = {"X-Account": account.account_id, "Content-Type": "application/json"}
    async with client.put("/v1/credits/settings", headers=headers, data=body) as response:
        content = await response.json()
        assert (response.status, content["error"]["param"]) == (400, f"autoRecharge.{field}")
