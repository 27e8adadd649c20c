"""`GET /v1/credits/purchases`: what an account has bought."""

import json
from decimal import Decimal
from typing import Any

from aiohttp.test_utils import TestClient

from billing.purchase_store import (
    NewPurchase,
    be_paid,
    insert_purchase,
    name_payment,
    name_session,
)
from billing.purchases import Purchase
from config.packages import load_packages
from config.settings import DEFAULT_FOLDER
from ledger.database import transaction
from ledger.ids import new_id
from tests.support.people import Desk

RECEIPT = "https://pay.example.com/receipts/1"


async def begin(desk: Desk, account_id: str, package_id: str = "professional") -> Purchase:
    """A purchase that nobody has paid yet."""
    package = load_packages(DEFAULT_FOLDER)[package_id]
    wanted = NewPurchase(
        account_id=account_id, kind="checkout", package=package, credits_per_usd=1000
    )
    async with transaction(desk.pool) as connection:
        return await insert_purchase(connection, wanted)


async def listed(client: TestClient, account_id: str, query: str = "", status: int = 200) -> Any:
    """The list, its numbers digit by digit."""
    headers = {"X-Account": account_id}
    async with client.get(f"/v1/credits/purchases{query}", headers=headers) as response:
        assert response.status == status, await response.text()
        return json.loads(await response.read(), parse_float=Decimal)


async def test_a_purchase_shows_price_credits_status_and_receipt(
    desk: Desk, client: TestClient
) -> None:
    """Receipts: on the purchase too; amounts as everywhere, twice and exact."""
    account = await desk.account_with(0)
    purchase = await begin(desk, account.account_id)
    session_id, intent_id = f"cs_{new_id()}", f"pi_{new_id()}"
    async with transaction(desk.pool) as connection:
        await name_session(connection, purchase, session_id, "https://pay.example.com/c/1")
        await name_payment(connection, purchase, intent_id)
        await be_paid(connection, purchase, paid_cents=4999, charged_cents=5499)
        await connection.execute(
            "insert into payment_charges (charge_id, payment_intent_id, receipt_url)"
            " values ($1, $2, $3)",
            *(f"ch_{new_id()}", intent_id, RECEIPT),
        )
    [shown] = (await listed(client, account.account_id))["data"]
    assert shown.pop("createdAt").endswith("Z")
    assert shown.pop("paidAt").endswith("Z")
    assert shown == {
        "purchaseId": purchase.purchase_id,
        "kind": "checkout",
        "packageId": "professional",
        "label": "Professional",
        "status": "paid",
        "currency": "usd",
        "priceUsd": Decimal("49.99"),
        "priceCents": 4999,
        "baseMillicredits": "49990000",
        "baseCredits": Decimal("49990.0"),
        "bonusMillicredits": "2499000",
        "bonusCredits": Decimal("2499.0"),
        "totalMillicredits": "52489000",
        "totalCredits": Decimal("52489.0"),
        "paidCents": 4999,
        "chargedCents": 5499,
        "creditedMillicredits": "0",
        "creditedCredits": Decimal("0.0"),
        "refundedMillicredits": "0",
        "refundedCredits": Decimal("0.0"),
        "disputedMillicredits": "0",
        "disputedCredits": Decimal("0.0"),
        "checkoutId": session_id,
        "paymentId": intent_id,
        "failure": None,
        "receiptUrl": RECEIPT,
    }


async def test_purchases_come_newest_first_page_by_page_and_only_ones_own(
    desk: Desk, client: TestClient
) -> None:
    """Lists answer alike everywhere."""
    ada, bob = await desk.account_with(0), await desk.account_with(0)
    begun = [(await begin(desk, ada.account_id)).purchase_id for _ in range(3)]
    await begin(desk, bob.account_id, "starter")
    first = await listed(client, ada.account_id, "?limit=2")
    rest = await listed(client, ada.account_id, f"?limit=2&cursor={first['nextCursor']}")
    rows = [*first["data"], *rest["data"]]
    assert [row["purchaseId"] for row in rows] == begun[::-1]
    assert rest["nextCursor"] is None
    wrong = await listed(client, ada.account_id, "?status=paid", status=400)
    assert wrong["error"]["param"] == "status"
