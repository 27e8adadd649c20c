"""`/admin/*`: what operators do."""

import json
import re
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp import AiohttpClient

from console.json import timestamp
from ledger.database import acquired
from ledger.ids import new_id
from tests.support.people import ADMIN, PUBLIC_URL, Desk, desk_app, minute, open_desk

Ask = Callable[..., Coroutine[Any, Any, Any]]
POSTING = {"credits": 12.5, "description": "Welcome", "idempotencyKey": "gift-1"}


@pytest.fixture
def ask(client: TestClient) -> Ask:
    """Asks as an operator; gives the answer's JSON, its numbers digit by digit."""
    return lambda *arguments, **options: asked(client, *arguments, **options)


async def asked(
    client: TestClient,
    method: str,
    path: str,
    body: object = None,
    *,
    status: int = 200,
    data: bytes | None = None,
) -> Any:
    content = {"data": data} if data is not None else {"json": body} if body is not None else {}
    async with client.request(method, path, headers=ADMIN, **content) as response:
        assert response.status == status, await response.text()
        assert response.headers.get("Cache-Control", "no-store") == "no-store"
        return json.loads(await response.read(), parse_float=Decimal)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer"},
        {"Authorization": ADMIN["Authorization"].removeprefix("Bearer ")},
        {"Authorization": ADMIN["Authorization"] + "x"},
        {"Authorization": "Basic " + ADMIN["Authorization"].removeprefix("Bearer ")},
        {"Authorization": "Bearer schlüssel"},
    ],
)
async def test_every_route_needs_the_admin_token(
    client: TestClient, headers: dict[str, str]
) -> None:
    """401, before anything is read or done."""
    routes = [
        (route.method, re.sub(r"{\w+}", new_id(), route.resource.canonical))
        for route in client.server.app.router.routes()
        if route.resource and route.resource.canonical.startswith("/admin")
    ]
    assert len(routes) > 12
    for method, path in routes:
        async with client.request(method, path, headers=headers) as response:
            assert response.status == 401, (method, path)
            assert "WWW-Authenticate" in response.headers


async def test_from_an_account_to_a_key_with_credits(desk: Desk, ask: Ask) -> None:
    """Shapes of section 7, in the order in which an operator needs them."""
    made = await ask(
        "POST", "/admin/accounts", {"name": "Ada", "email": "a@example.com"}, status=201
    )
    account = f"/admin/accounts/{made['accountId']}"
    assert made["ledgerBalanceMillicredits"] == "0"
    key = await ask("POST", f"{account}/keys", {"name": "laptop"}, status=201)
    assert key["key"].startswith(key["prefix"])
    entry = await ask("POST", f"{account}/grants", POSTING, status=201)
    assert entry["accountId"] == made["accountId"]
    assert (entry["type"], entry["amountMillicredits"], entry["sequence"]) == ("grant", "12500", 1)
    shown = await ask("GET", account)
    assert shown == {
        "accountId": made["accountId"],
        "name": "Ada",
        "email": "a@example.com",
        "createdAt": made["createdAt"],
        "ledgerBalanceMillicredits": "12500",
        "ledgerBalanceCredits": Decimal("12.5"),
        "balanceMillicredits": "12500",
        "balanceCredits": Decimal("12.5"),
        "heldMillicredits": "0",
        "heldCredits": Decimal("0.0"),
        "availableMillicredits": "12500",
        "availableCredits": Decimal("12.5"),
        "unwrittenMillicredits": "0",
        "unwrittenCredits": Decimal("0.0"),
    }
    assert shown in (await ask("GET", "/admin/accounts?limit=1000"))["data"]
    assert await desk.working_copy.key_is_active(made["accountId"], key["keyId"])


async def test_keys_are_listed_without_their_text_and_end_by_delete(desk: Desk, ask: Ask) -> None:
    """A key is shown once; a revoked one stays in the list with its time."""
    account = await desk.account_with(1_000)
    path = f"/admin/accounts/{account.account_id}/keys"
    key = await ask("POST", path, {"name": "laptop"}, status=201)
    assert (await ask("GET", path))["data"] == [
        {
            "keyId": key["keyId"],
            "accountId": account.account_id,
            "name": "laptop",
            "prefix": key["prefix"],
            "createdAt": key["createdAt"],
            "revokedAt": None,
            "monthlyLimitMillicredits": None,
            "monthlyLimitCredits": None,
            "spentThisMonthMillicredits": "0",
            "spentThisMonthCredits": Decimal("0.0"),
            "lastUsedAt": None,
        }
    ]
    revoked = await ask("DELETE", f"/admin/keys/{key['keyId']}")
    assert revoked["revokedAt"]
    assert (await ask("GET", path))["data"] == [revoked]
    assert await ask("DELETE", f"/admin/keys/{key['keyId']}") == revoked
    assert not await desk.working_copy.key_is_active(account.account_id, key["keyId"])


async def test_a_key_can_be_limited_and_is_listed_with_what_it_has_used(
    desk: Desk, ask: Ask
) -> None:
    """A limit is given in credits, as a number or as text; null lifts it."""
    account = await desk.account_with(1_000)
    path = f"/admin/accounts/{account.account_id}/keys"
    body = {"name": "laptop", "monthlyLimitCredits": "12.345"}
    key = await ask("POST", path, body, status=201)
    assert (key["monthlyLimitMillicredits"], key["monthlyLimitCredits"]) == (
        "12345",
        Decimal("12.345"),
    )
    now = datetime.now(UTC)
    await desk.use(account.account_id, now, key_id=key["keyId"], charge_mc=3_120)
    for limit, expected in ((7, "7000"), ("0.001", "1"), (None, None)):
        body = {"monthlyLimitCredits": limit}
        limited = await ask("PATCH", f"/admin/keys/{key['keyId']}", body)
        assert limited["monthlyLimitMillicredits"] == expected
        assert (await ask("GET", path))["data"] == [limited]
    assert limited["monthlyLimitCredits"] is None
    assert limited["spentThisMonthMillicredits"] == "3120"
    assert limited["spentThisMonthCredits"] == Decimal("3.12")
    assert limited["lastUsedAt"] == timestamp(now)


@pytest.mark.parametrize("limit", [0, -1, "0", "1e3", "", True, 0.0001, [], 10**13])
async def test_what_is_no_limit_is_refused(desk: Desk, ask: Ask, limit: object) -> None:
    """It names the field, and nothing is changed."""
    account = await desk.account_with(1_000)
    path = f"/admin/accounts/{account.account_id}/keys"
    body = {"name": "laptop", "monthlyLimitCredits": limit}
    for method, where in (("POST", path), ("PATCH", f"/admin/keys/{new_id()}")):
        asked = body if method == "POST" else {"monthlyLimitCredits": limit}
        error = (await ask(method, where, asked, status=400))["error"]
        assert (error["code"], error["param"]) == ("invalid_value", "monthlyLimitCredits")
    assert (await ask("GET", path))["data"] == []


async def test_a_limit_of_no_key_is_404_and_no_limit_is_400(ask: Ask) -> None:
    """A change without its field is a mistake, not a limit that is lifted."""
    error = (await ask("PATCH", f"/admin/keys/{new_id()}", {}, status=400))["error"]
    assert error["param"] == "monthlyLimitCredits"
    body = {"monthlyLimitCredits": 5}
    error = (await ask("PATCH", f"/admin/keys/{new_id()}", body, status=404))["error"]
    assert error["code"] == "key_not_found"


async def test_a_grant_is_posted_once_and_a_conflict_is_409(desk: Desk, ask: Ask) -> None:
    """Same key and body: the same entry again; another body: 409."""
    account = await desk.accounts.create("Ada")
    path = f"/admin/accounts/{account.account_id}/grants"
    first = await ask("POST", path, POSTING, status=201)
    assert await ask("POST", path, {**POSTING, "credits": "12.500"}, status=200) == first
    refused = await ask("POST", path, {**POSTING, "credits": 13}, status=409)
    assert refused["error"]["code"] == "idempotency_conflict"
    other_type = path.replace("grants", "adjustments")
    await ask("POST", other_type, POSTING, status=409)
    assert (await desk.working_copy.balance(account.account_id)).balance_mc == 12_500


async def test_an_adjustment_takes_or_gives(desk: Desk, ask: Ask) -> None:
    """Signed credits, exact to the millicredit."""
    account = await desk.account_with(10_000)
    path = f"/admin/accounts/{account.account_id}/adjustments"
    body = {**POSTING, "credits": "-0.001"}
    taken = await ask("POST", path, body, status=201)
    assert (taken["type"], taken["balanceAfterMillicredits"]) == ("adjustment", "9999")


async def test_credits_are_read_digit_by_digit(desk: Desk, ask: Ask) -> None:
    """No float touches money: more digits than a float has survive."""
    account = await desk.accounts.create("Ada")
    path = f"/admin/accounts/{account.account_id}/grants"
    data = b'{"credits": 9007199254740.991, "description": "all", "idempotencyKey": "a"}'
    entry = await ask("POST", path, data=data, status=201)
    assert entry["amountMillicredits"] == "9007199254740991"
    assert entry["amountCredits"] == Decimal("9007199254740.991")
    refused = await ask("POST", path, {**POSTING, "credits": "0.001"}, status=400)
    assert refused["error"]["code"] == "balance_limit_exceeded"


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"credits": 0}, "credits"),
        ({"credits": -1}, "credits"),
        ({"credits": "1e3"}, "credits"),
        ({"credits": 1e30}, "credits"),
        ({"credits": "0.0001"}, "credits"),
        ({"credits": True}, "credits"),
        ({"credits": None}, "credits"),
        ({"credits": [1]}, "credits"),
        ({"credits": " 1"}, "credits"),
        ({"credits": "99999999999999"}, "credits"),
        ({"description": ""}, "description"),
        ({"description": 7}, "description"),
        ({"description": "a\0b"}, "description"),
        ({"idempotencyKey": ""}, "idempotencyKey"),
        ({"idempotencyKey": "k" * 201}, "idempotencyKey"),
        ({"idempotency_key": "x"}, "idempotency_key"),
    ],
)
async def test_a_wrong_grant_is_refused_by_field(
    desk: Desk, ask: Ask, changes: dict[str, object], param: str
) -> None:
    """400 names the field, and nothing is posted."""
    account = await desk.accounts.create("Ada")
    path = f"/admin/accounts/{account.account_id}/grants"
    refused = await ask("POST", path, {**POSTING, **changes}, status=400)
    assert refused["error"]["param"] == param
    assert (await desk.accounts.get(account.account_id)).balance_mc == 0


@pytest.mark.parametrize("field", ["credits", "description", "idempotencyKey"])
async def test_a_grant_needs_all_its_fields(desk: Desk, ask: Ask, field: str) -> None:
    """A missing one is named."""
    account = await desk.accounts.create("Ada")
    body = {name: value for name, value in POSTING.items() if name != field}
    path = f"/admin/accounts/{account.account_id}/grants"
    assert (await ask("POST", path, body, status=400))["error"]["param"] == field


async def test_what_is_not_there_is_404(ask: Ask) -> None:
    """Ids that nobody has, and ids that are none."""
    for nobody in (new_id(), "7", "a%00b"):
        account = f"/admin/accounts/{nobody}"
        await ask("GET", account, status=404)
        await ask("GET", f"{account}/keys", status=404)
        await ask("POST", f"{account}/keys", {"name": "laptop"}, status=404)
        await ask("POST", f"{account}/grants", POSTING, status=404)
        await ask("POST", f"{account}/adjustments", POSTING, status=404)
        await ask("POST", f"{account}/console-sessions", {}, status=404)
        await ask("DELETE", f"/admin/keys/{nobody}", status=404)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": 7}, "name"),
        ({"name": "Ada", "email": "nowhere"}, "email"),
        ({"name": "Ada", "plan": "gold"}, "plan"),
    ],
)
async def test_a_wrong_account_is_refused_by_field(ask: Ask, body: object, param: str) -> None:
    """400 names the field."""
    assert (await ask("POST", "/admin/accounts", body, status=400))["error"]["param"] == param


async def test_operators_see_the_rows_of_any_account_and_whose_they_are(
    desk: Desk, ask: Ask
) -> None:
    """The same rows as customers see, with their account; filters narrow them."""
    ada, bob = await desk.account_with(1_000), await desk.account_with(2_000)
    for number, account in enumerate((ada, bob)):
        await desk.use(account.account_id, minute(number), model="gpt-4o" if number else "other")
    both = {ada.account_id, bob.account_id}
    for path in ("/admin/usage", "/admin/ledger"):
        everything = (await ask("GET", f"{path}?limit=1000"))["data"]
        assert both <= {row["accountId"] for row in everything}
        of_bob = (await ask("GET", f"{path}?accountId={bob.account_id}"))["data"]
        assert {row["accountId"] for row in of_bob} == {bob.account_id}
    one_model = await ask("GET", f"/admin/usage?accountId={ada.account_id}&model=gpt-4o")
    assert one_model["data"] == []
    none = await ask("GET", f"/admin/ledger?accountId={ada.account_id}&type=usage")
    assert none["data"] == []
    refused = await ask("GET", "/admin/usage?accountId=7", status=400)
    assert refused["error"]["param"] == "accountId"


async def test_alerts_of_a_kind_are_listed(desk: Desk, ask: Ask) -> None:
    """`undelivered` charges wait here for a refund."""
    account, request_id = await desk.accounts.create("Ada"), new_id()
    async with acquired(desk.pool) as connection:
        for kind, amount_mc in (("undelivered", 1_200), ("rejected", None)):
            await connection.execute(
                "insert into alerts (id, kind, account_id, request_id, amount_mc, detail)"
                " values ($1, $2, $3, $4, $5, 'why')",
                new_id(),
                kind,
                account.account_id,
                request_id,
                amount_mc,
            )
    (alert,) = (await ask("GET", "/admin/alerts?kind=undelivered"))["data"]
    assert alert["accountId"] == account.account_id
    assert alert["requestId"] == request_id
    assert alert["amountMillicredits"] == "1200"
    assert alert["detail"] == "why"
    assert len((await ask("GET", "/admin/alerts"))["data"]) == 2


async def test_a_console_session_is_a_link_to_this_server(desk: Desk, ask: Ask) -> None:
    """`{url}`; the body may be left out."""
    account = await desk.accounts.create("Ada")
    path = f"/admin/accounts/{account.account_id}/console-sessions"
    for link in (await ask("POST", path, {}, status=201), await ask("POST", path, status=201)):
        assert link.keys() == {"url"}
        url = urlsplit(link["url"])
        assert f"{url.scheme}://{url.netloc}{url.path}" == f"{PUBLIC_URL}/console/login"
        assert len(url.query.removeprefix("token=")) >= 40
    await ask("POST", path, {"minutes": 5}, status=400)


async def test_g10_what_is_posted_stands_though_redis_is_away(
    desk: Desk, database_url: str, aiohttp_client: AiohttpClient
) -> None:
    """G10: Postgres first; Redis hears of it later, by its number."""
    account = await desk.accounts.create("Ada")
    path = f"/admin/accounts/{account.account_id}"
    async with open_desk(database_url, "unix:///nonexistent/valkey") as cut_off:
        client = await aiohttp_client(desk_app(cut_off))
        await asked(client, "POST", f"{path}/grants", POSTING, status=201)
        key = await asked(client, "POST", f"{path}/keys", {"name": "laptop"}, status=201)
        assert key["key"]
        shown = await asked(client, "GET", path)
        assert shown["ledgerBalanceMillicredits"] == "12500"
        assert shown["balanceMillicredits"] is None
        assert (await asked(client, "GET", "/admin/accounts"))["data"][0] == shown
        await asked(client, "POST", f"{path}/console-sessions", {}, status=503)
    await desk.working_copy.apply_syncs(account.account_id)
    assert (await desk.working_copy.balance(account.account_id)).balance_mc == 12_500
    assert await desk.working_copy.key_is_active(account.account_id, key["keyId"])
