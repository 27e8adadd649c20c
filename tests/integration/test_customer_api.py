"""`/v1/credits/*`: what client apps see of their account."""

import json
from decimal import Decimal
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp import AiohttpClient

from tests.support.people import Desk, desk_app, minute, open_desk


async def get(client: TestClient, path: str, account_id: str, status: int = 200) -> Any:
    """The JSON of an answer, its numbers digit by digit."""
    async with client.get(path, headers={"X-Account": account_id}) as response:
        assert response.status == status, await response.text()
        return json.loads(await response.read(), parse_float=Decimal)


async def estimate(client: TestClient, account_id: str, body: object, status: int = 200) -> Any:
    headers = {"X-Account": account_id}
    async with client.post("/v1/credits/estimate", headers=headers, json=body) as response:
        assert response.status == status, await response.text()
        return json.loads(await response.read(), parse_float=Decimal)


async def test_the_balance_has_the_shape_of_the_contract(desk: Desk, client: TestClient) -> None:
    """Section 7: each amount twice, exact."""
    account = await desk.account_with(1_234_567)
    assert await get(client, "/v1/credits/balance", account.account_id) == {
        "accountId": account.account_id,
        "balanceMillicredits": "1234567",
        "balanceCredits": Decimal("1234.567"),
        "heldMillicredits": "0",
        "heldCredits": Decimal("0.0"),
        "availableMillicredits": "1234567",
        "availableCredits": Decimal("1234.567"),
        "unwrittenMillicredits": "0",
        "usd": Decimal("1.234567"),
        "lowBalance": False,
        "lowBalanceThresholdCredits": Decimal("500.0"),
    }


@pytest.mark.parametrize(("amount_mc", "is_low"), [(499_999, True), (500_000, False), (0, True)])
async def test_a_balance_below_the_threshold_is_low(
    desk: Desk, client: TestClient, amount_mc: int, *, is_low: bool
) -> None:
    """`low_balance_credits` is 500."""
    account = await desk.account_with(amount_mc)
    answer = await get(client, "/v1/credits/balance", account.account_id)
    assert answer["lowBalance"] is is_low


async def test_a_usage_row_has_the_shape_of_the_contract(desk: Desk, client: TestClient) -> None:
    """G8: units and rates stand in it, so that anyone can work its charge out again."""
    account = await desk.account_with(10_000)
    request_id = await desk.use(
        account.account_id, minute(5), key_id="01890000-0000-7000-8000-000000000001"
    )
    listed = await get(client, "/v1/credits/usage", account.account_id)
    assert listed == {
        "data": [
            {
                "requestId": request_id,
                "createdAt": "2026-01-31T12:05:00.000Z",
                "keyId": "01890000-0000-7000-8000-000000000001",
                "model": "gpt-4o-mini",
                "endpoint": "/v1/chat/completions",
                "status": "completed",
                "basis": "provider",
                "stream": False,
                "inputTokens": 1000,
                "cachedInputTokens": 200,
                "outputTokens": 100,
                "reasoningTokens": 0,
                "units": {"input": 800, "cached_input": 200, "output": 100},
                "rates": {"input": "2.4", "cached_input": "1.2", "output": "9.6"},
                "rateVersion": "v1",
                "chargedMillicredits": "3120",
                "chargedCredits": Decimal("3.12"),
                "latencyMs": 812,
            }
        ],
        "nextCursor": None,
    }
    row = listed["data"][0]
    charge = sum(row["units"][name] * Decimal(rate) for name, rate in row["rates"].items())
    assert charge == int(row["chargedMillicredits"])


async def test_a_ledger_row_has_the_shape_of_the_contract(desk: Desk, client: TestClient) -> None:
    """Section 7, and the newest row's balance is what the balance says."""
    account = await desk.account_with(10_000)
    second = (await desk.grant(account.account_id, 2_500)).entry
    listed = await get(client, "/v1/credits/ledger?limit=1", account.account_id)
    assert listed["data"] == [
        {
            "id": second.entry_id,
            "sequence": 2,
            "createdAt": second.posted_at.isoformat(timespec="milliseconds")[:-6] + "Z",
            "type": "grant",
            "amountMillicredits": "2500",
            "amountCredits": Decimal("2.5"),
            "balanceBeforeMillicredits": "10000",
            "balanceAfterMillicredits": "12500",
            "ref": None,
            "description": "Welcome",
            "receiptUrl": None,
        }
    ]
    balance = await get(client, "/v1/credits/balance", account.account_id)
    assert balance["balanceMillicredits"] == listed["data"][0]["balanceAfterMillicredits"]


async def test_pages_go_on_by_cursor(desk: Desk, client: TestClient) -> None:
    """`nextCursor` leads on until it is null."""
    account = await desk.accounts.create("Ada")
    made = [await desk.use(account.account_id, minute(number)) for number in range(5)]
    seen: list[str] = []
    path = "/v1/credits/usage?limit=2"
    cursor = ""
    while cursor is not None:
        answer = await get(client, f"{path}{cursor and f'&cursor={cursor}'}", account.account_id)
        seen += [row["requestId"] for row in answer["data"]]
        cursor = answer["nextCursor"]
    assert seen == made[::-1]


async def test_g12_a_customer_cannot_ask_for_another_account(
    desk: Desk, client: TestClient
) -> None:
    """G12: there is no parameter for it, and none of B's ids or cursors helps A."""
    ada, bob = await desk.accounts.create("Ada"), await desk.account_with(5_000)
    key_id = "01890000-0000-7000-8000-000000000002"
    for number in range(3):
        await desk.use(bob.account_id, minute(number), key_id=key_id)
    bobs = await get(client, "/v1/credits/usage?limit=1", bob.account_id)
    for query in ("", f"?keyId={key_id}", f"?cursor={bobs['nextCursor']}"):
        assert (await get(client, f"/v1/credits/usage{query}", ada.account_id))["data"] == []
    assert (await get(client, "/v1/credits/ledger", ada.account_id))["data"] == []
    for route in ("usage", "ledger"):
        path = f"/v1/credits/{route}?accountId={bob.account_id}"
        refused = await get(client, path, ada.account_id, status=400)
        assert refused["error"]["param"] == "accountId"


async def test_the_rate_card_shows_what_calls_cost(desk: Desk, client: TestClient) -> None:
    """Rates as decimal strings, with the labels that customers know."""
    account = await desk.accounts.create("Ada")
    card = await get(client, "/v1/credits/rates", account.account_id)
    assert card["creditsPerUsd"] == 1000
    assert card["rateVersion"] == desk.rates.version
    assert card["updatedAt"].endswith(".000Z")
    assert card["models"][0] == {
        "model": "gpt-4o-mini",
        "label": "Eco",
        "rates": {"input": "2.4", "cached_input": "1.2", "output": "9.6"},
    }


@pytest.mark.parametrize(
    ("body", "credits_", "usd"),
    [
        ({"model": "gpt-4o-mini", "inputTokens": 1000, "maxTokens": 1000}, "12.0", "0.012"),
        ({"model": "gpt-4o", "inputTokens": 10_000, "maxTokens": 2_000}, "360.0", "0.36"),
        ({"model": "gpt-4o-mini", "inputTokens": 750, "maxTokens": 200}, "3.72", "0.00372"),
    ],
)
async def test_an_estimate_is_what_such_a_call_costs(
    desk: Desk, client: TestClient, body: dict[str, Any], credits_: str, usd: str
) -> None:
    """The money table of the contract."""
    account = await desk.accounts.create("Ada")
    assert await estimate(client, account.account_id, body) == {
        "inputTokens": body["inputTokens"],
        "outputTokens": body["maxTokens"],
        "estimatedCredits": Decimal(credits_),
        "estimatedMillicredits": str(int(Decimal(credits_) * 1000)),
        "usd": Decimal(usd),
    }


async def test_an_estimate_rounds_as_charges_do(
    database_url: str, redis_url: str, aiohttp_client: AiohttpClient
) -> None:
    """`rounding = "credit"`: 3.72 credits are 4."""
    async with open_desk(database_url, redis_url, {"TOLLGATE_ROUNDING": "credit"}) as desk:
        client = await aiohttp_client(desk_app(desk))
        account = await desk.accounts.create("Ada")
        body = {"model": "gpt-4o-mini", "inputTokens": 750, "maxTokens": 200}
        answer = await estimate(client, account.account_id, body)
        assert answer["estimatedMillicredits"] == "4000"


async def test_messages_are_counted_like_the_provider_counts_them(
    desk: Desk, client: TestClient
) -> None:
    """“hello” is one token; a message costs three more, the reply's beginning another three."""
    account = await desk.accounts.create("Ada")
    body = {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "hello"}],
        "maxTokens": 0,
    }
    counted = await estimate(client, account.account_id, body)
    assert counted["inputTokens"] == 8
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}
    body["messages"] = [
        {"role": "user", "content": [{"type": "text", "text": "hello"}, picture]},
    ]
    with_picture = await estimate(client, account.account_id, body)
    assert with_picture["inputTokens"] == 8 + 48_170


async def test_without_a_limit_an_estimate_is_of_the_longest_answer(
    desk: Desk, client: TestClient
) -> None:
    """As the quote of a call that sets no limit."""
    account = await desk.accounts.create("Ada")
    answer = await estimate(client, account.account_id, {"model": "gpt-4o", "inputTokens": 0})
    assert answer["outputTokens"] == 16_384


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"inputTokens": 1}, 400, "model"),
        ({"model": "gpt-9", "inputTokens": 1, "maxTokens": 1}, 404, "model"),
        ({"model": 7, "inputTokens": 1}, 400, "model"),
        ({"model": "gpt-4o"}, 400, "messages"),
        ({"model": "gpt-4o", "inputTokens": 1, "messages": []}, 400, "messages"),
        ({"model": "gpt-4o", "messages": "hello"}, 400, "messages"),
        ({"model": "gpt-4o", "messages": ["hello"]}, 400, "messages[0]"),
        ({"model": "gpt-4o", "inputTokens": -1}, 400, "inputTokens"),
        ({"model": "gpt-4o", "inputTokens": 1.5}, 400, "inputTokens"),
        ({"model": "gpt-4o", "inputTokens": 10**10}, 400, "inputTokens"),
        ({"model": "gpt-4o", "inputTokens": 1, "maxTokens": -1}, 400, "maxTokens"),
        ({"model": "gpt-4o", "inputTokens": 1, "max_tokens": 1}, 400, "max_tokens"),
        ([], 400, None),
    ],
)
async def test_a_wrong_estimate_is_refused_by_field(
    desk: Desk, client: TestClient, body: object, status: int, param: str | None
) -> None:
    """400 and 404 name the field."""
    account = await desk.accounts.create("Ada")
    answer = await estimate(client, account.account_id, body, status)
    assert answer["error"]["param"] == param


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b"", 400, "invalid_json"),
        (b'{"model": "\xff"}', 400, "invalid_json"),
        (b"[" * 50_000, 400, "invalid_json"),
        (b'{"model": "' + b"x" * 100_001 + b'"}', 413, "body_too_large"),
    ],
)
async def test_a_body_that_is_no_json_is_refused(
    desk: Desk, client: TestClient, body: bytes, status: int, code: str
) -> None:
    """However it is broken."""
    account = await desk.accounts.create("Ada")
    headers = {"X-Account": account.account_id}
    async with client.post("/v1/credits/estimate", headers=headers, data=body) as response:
        assert response.status == status
        assert (await response.json())["error"]["code"] == code


async def test_g10_without_redis_the_balance_is_503(
    database_url: str, aiohttp_client: AiohttpClient
) -> None:
    """G10: nobody is told a balance that may be wrong."""
    async with open_desk(database_url, "unix:///nonexistent/valkey") as desk:
        client = await aiohttp_client(desk_app(desk))
        account = await desk.accounts.create("Ada")
        answer = await get(client, "/v1/credits/balance", account.account_id, status=503)
        assert answer["error"]["code"] == "credits_unavailable"


async def test_g10_without_postgres_lists_are_503(
    redis_url: str, aiohttp_client: AiohttpClient
) -> None:
    """G10: with the envelope, and with a word on when to come again."""
    async with open_desk("postgresql://postgres@/x?host=/nonexistent", redis_url) as desk:
        client = await aiohttp_client(desk_app(desk))
        account_id = "01890000-0000-7000-8000-000000000003"
        for path in ("usage", "ledger", "balance"):
            answer = await get(client, f"/v1/credits/{path}", account_id, status=503)
            assert answer["error"]["code"] == "database_unavailable"
            assert answer["error"]["type"] == "server_error"
