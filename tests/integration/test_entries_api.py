"""Grants, adjustments and refunds over HTTP: what operators post, and how it is refused."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from ledger.chart import ADJUSTMENTS, PAYMENTS, PROMOTION, STRIPE
from ledger.ids import new_id
from tests.support.people import ADMIN, Desk, grant_of
from tests.support.waiting import until


class Poster:
    """Posts to one account as an operator."""

    def __init__(self, client: TestClient, account_id: str) -> None:
        self._client = client
        self.account_id = account_id

    async def __call__(
        self, what: str, credits: object, *, status: int = 201, **fields: object
    ) -> dict[str, Any]:
        """The answer's JSON. Without a key of its own each posting is another one."""
        body = {"credits": credits, "description": "For a test", "idempotencyKey": new_id()}
        path = f"/admin/accounts/{self.account_id}/{what}"
        async with self._client.post(path, json={**body, **fields}, headers=ADMIN) as response:
            content: dict[str, Any] = await response.json()
            assert response.status == status, content
            return content

    async def refused(self, what: str, credits: object, **fields: object) -> tuple[str, str]:
        """The field that a 400 names, and what it says."""
        error = (await self(what, credits, status=400, **fields))["error"]
        return error["param"], error["message"]


@pytest.fixture
async def post(desk: Desk, client: TestClient) -> Poster:
    account = await desk.accounts.create("Ada")
    return Poster(client, account.account_id)


async def purchased(desk: Desk, post: Poster, amount_mc: int) -> str:
    """The id of a purchase."""
    posting = grant_of(post.account_id, amount_mc, entry_type="purchase", counter_account=STRIPE)
    return (await desk.entries.post(posting)).entry.entry_id


async def test_operators_see_the_other_side_and_customers_do_not(
    desk: Desk, client: TestClient, post: Poster
) -> None:
    """Operators' rows name counter account, actor, transaction, correction and expiry."""
    grant = await post("grants", 100, expiresAt="2099-01-31T12:00:00+02:00")
    shown = {
        "counterAccount": PROMOTION,
        "actor": "operator",
        "corrects": None,
        "expiresAt": "2099-01-31T10:00:00.000Z",
    }
    assert {name: grant[name] for name in shown} == shown
    assert grant["transactionId"]
    adjusted = await post("adjustments", -40, corrects=grant["id"])
    assert (adjusted["corrects"], adjusted["counterAccount"]) == (grant["id"], PROMOTION)
    async with client.get(
        "/admin/ledger", params={"accountId": post.account_id}, headers=ADMIN
    ) as response:
        assert (await response.json())["data"] == [adjusted, grant]
    own = {"X-Account": post.account_id}
    async with client.get("/v1/credits/ledger", headers=own) as response:
        [row, _] = (await response.json())["data"]
    assert {*row} == {
        *("id", "sequence", "createdAt", "type", "amountMillicredits", "amountCredits"),
        *("balanceBeforeMillicredits", "balanceAfterMillicredits", "ref", "description"),
        "receiptUrl",
    }


@pytest.mark.parametrize(
    "expires_at",
    [
        *("2099-01-31", "2099-01-31T12:00:00", "tomorrow", "", "2099-13-01T00:00:00Z"),
        *("9999-12-31T23:59:59-12:00", "4102444800"),
    ],
)
async def test_a_time_that_is_not_clear_is_refused(post: Poster, expires_at: str) -> None:
    """400 names the field, and shows how it is written."""
    param, message = await post.refused("grants", 1, expiresAt=expires_at)
    assert param == "expiresAt"
    assert "2027-01-31T00:00:00Z" in message


async def test_credits_cannot_expire_in_the_past(post: Poster) -> None:
    """400 names the field."""
    param, message = await post.refused("grants", 1, expiresAt="2020-01-31T12:00:00Z")
    assert (param, message) == ("expiresAt", "expiresAt must be in the future.")


async def test_a_retry_after_the_expiry_is_still_the_same_entry(post: Poster) -> None:
    """Same key and body: the same entry again, however late."""
    soon = datetime.now(UTC) + timedelta(seconds=3)
    body = {"expiresAt": soon.isoformat(), "idempotencyKey": "gift-1"}
    grant = await post("grants", 5, **body)
    await until(lambda: datetime.now(UTC) > soon, soon)
    again = await post("grants", 5, **body, status=200)
    assert again == grant


@pytest.mark.parametrize(
    "change",
    [
        {"credits": 6},
        {"description": "Another"},
        {"expiresAt": "2099-02-01T00:00:00Z"},
        {"expiresAt": None},
    ],
)
async def test_the_same_key_with_another_grant_is_a_conflict(
    post: Poster, change: dict[str, object]
) -> None:
    """Each field of the body counts."""
    body = {"credits": 5, "expiresAt": "2099-01-31T00:00:00Z", "idempotencyKey": "gift-1"}
    first = await post("grants", **body)
    refused = await post("grants", **{**body, **change}, status=409)
    assert refused["error"]["param"] == "idempotencyKey"
    same_moment = {**body, "expiresAt": "2099-01-31T01:00:00+01:00"}
    assert await post("grants", **same_moment, status=200) == first


async def test_the_same_key_with_another_correction_is_a_conflict(post: Poster) -> None:
    """What is corrected counts, and which type it is."""
    one, two = await post("grants", 5), await post("grants", 5)
    body = {"credits": -1, "idempotencyKey": "fix-1"}
    first = await post("adjustments", **body, corrects=one["id"])
    for corrects in (two["id"], None):
        await post("adjustments", **body, corrects=corrects, status=409)
    await post("refunds", 1, idempotencyKey="fix-1", status=409)
    again = await post("adjustments", **body, corrects=one["id"].upper(), status=200)
    assert again == first


async def test_the_same_refund_twenty_times_at_once_is_one_entry(post: Poster) -> None:
    """One 201, and the same entry for all others."""
    await post("grants", 50)

    async def refund() -> dict[str, Any]:
        path = f"/admin/accounts/{post.account_id}/refunds"
        body = {"credits": 20, "description": "Paid back", "idempotencyKey": "refund-1"}
        async with post._client.post(path, json=body, headers=ADMIN) as response:
            return {"status": response.status, **await response.json()}

    answers = await asyncio.gather(*(refund() for _ in range(20)))
    assert sorted(answer.pop("status") for answer in answers) == [200] * 19 + [201]
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["balanceAfterMillicredits"] == "30000"


async def test_a_refund_takes_credits_back_and_may_leave_a_debt(desk: Desk, post: Poster) -> None:
    """Its credits are what is taken; money that was paid back otherwise is booked as payments."""
    await post("grants", 10)
    refund = await post("refunds", "12.5")
    assert (refund["type"], refund["amountMillicredits"]) == ("refund", "-12500")
    assert (refund["counterAccount"], refund["balanceAfterMillicredits"]) == (PAYMENTS, "-2500")
    assert (await desk.working_copy.balance(post.account_id)).available_mc == -2_500
    for nothing in (0, -1):
        param, message = await post.refused("refunds", nothing)
        assert (param, "more than zero" in message) == ("credits", True)


async def test_a_refund_of_a_purchase_goes_back_the_way_it_came(desk: Desk, post: Poster) -> None:
    """Its counter account is the purchase's; grants are taken back by an adjustment."""
    purchase = await purchased(desk, post, 10_000)
    refund = await post("refunds", 4, corrects=purchase)
    assert (refund["counterAccount"], refund["corrects"]) == (STRIPE, purchase)
    grant = await post("grants", 10)
    param, message = await post.refused("refunds", 4, corrects=grant["id"])
    assert param == "corrects"
    assert "must name a purchase" in message


async def test_corrections_cannot_exceed_what_they_correct(desk: Desk, post: Poster) -> None:
    """All corrections of one entry together, refunds among them."""
    purchase = await purchased(desk, post, 10_000)
    await post("refunds", 4, corrects=purchase)
    await post("adjustments", -5, corrects=purchase)
    for what, too_much in (("refunds", "1.001"), ("adjustments", "-1.001")):
        param, message = await post.refused(what, too_much, corrects=purchase)
        assert param == "credits"
        assert "at most 1.0 credits" in message
        assert purchase in message
    await post("refunds", 1, corrects=purchase)
    adjustment = await post("adjustments", -3)
    assert adjustment["counterAccount"] == ADJUSTMENTS
    undone = await post("adjustments", 3, corrects=adjustment["id"])
    assert undone["counterAccount"] == ADJUSTMENTS


@pytest.mark.parametrize("what", ["adjustments", "refunds"])
async def test_g12_an_entry_of_another_account_cannot_be_corrected(
    desk: Desk, post: Poster, what: str
) -> None:
    """G12: it is as if it were not there; so is one that nobody has, and what is no id."""
    other = await desk.grant((await desk.account_with(1_000)).account_id, 50)
    for corrects in (other.entry.entry_id, new_id(), "7"):
        param, message = await post.refused(what, 1, corrects=corrects)
        assert param == "corrects"
        assert corrects in message


@pytest.mark.parametrize("what", ["adjustments", "refunds"])
@pytest.mark.parametrize("field", ["credits", "description", "idempotencyKey"])
async def test_every_posting_needs_all_its_fields(
    client: TestClient, post: Poster, what: str, field: str
) -> None:
    """A missing one is named."""
    body = {"credits": 1, "description": "For a test", "idempotencyKey": "key-1"}
    del body[field]
    path = f"/admin/accounts/{post.account_id}/{what}"
    async with client.post(path, json=body, headers=ADMIN) as response:
        assert response.status == 400
        assert (await response.json())["error"]["param"] == field


@pytest.mark.parametrize(
    ("what", "field"),
    [("grants", "corrects"), ("adjustments", "expiresAt"), ("refunds", "expiresAt")],
)
async def test_a_field_of_another_posting_is_not_known(post: Poster, what: str, field: str) -> None:
    """What would be ignored is refused."""
    param, _ = await post.refused(what, 1, **{field: "2099-01-31T00:00:00Z"})
    assert param == field
