"""The check of requests to Stripe finds what it must find, and nothing else."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import stripe
from aiohttp import web
from aiohttp.test_utils import TestServer
from stripe.params import (
    CustomerCreateParams,
    PaymentIntentCreateParams,
    PaymentIntentListParams,
    RefundCreateParams,
)
from stripe.params.checkout import SessionCreateParams

from tests.support.stripe_params import problems, watched_requests

PRODUCT = {"name": "Starter"}
PRICE = {"currency": "usd", "unit_amount": 999, "product_data": PRODUCT}
SESSION = {
    "mode": "payment",
    "success_url": "https://example.com",
    "line_items": [{"quantity": 1, "price_data": PRICE}],
    "metadata": {"purchase": "1"},
    "payment_intent_data": {"setup_future_usage": "off_session", "metadata": {}},
    "allowed_payment_method_types": ["card"],
    "automatic_tax": {"enabled": False},
    "expand": ["line_items"],
}


@pytest.mark.parametrize(
    ("shape", "params"),
    [
        (SessionCreateParams, SESSION),
        (SessionCreateParams, {}),
        (PaymentIntentCreateParams, {"amount": 50, "currency": "usd", "off_session": True}),
        (PaymentIntentListParams, {"created": {"gte": 1}, "limit": 3}),
        (PaymentIntentListParams, {"created": 1}),
        (RefundCreateParams, {"metadata": ""}),
        (RefundCreateParams, {"metadata": {"a": "b"}, "reason": "fraudulent"}),
        (CustomerCreateParams, {"description": "free text", "shipping": ""}),
    ],
)
def test_good_parameters_have_no_problems(shape: object, params: dict[str, Any]) -> None:
    """Purchases: what the library declares passes."""
    assert problems(params, shape) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"bogus": 1}, "bogus: unknown"),
        ({"api_key": "sk_test"}, "api_key: unknown"),
        ({"mode": "paiment"}, "mode: must be one of 'payment', 'setup', 'subscription'"),
        ({"client_reference_id": 1}, "client_reference_id: must be str, but is 1"),
        ({"client_reference_id": None}, "client_reference_id: must be str, but is None"),
        ({"expires_at": True}, "expires_at: must be int, but is True"),
        ({"expires_at": 1.5}, "expires_at: must be int, but is 1.5"),
        ({"allow_promotion_codes": 1}, "allow_promotion_codes: must be bool, but is 1"),
        ({"line_items": {}}, "line_items: must be a list, but is {}"),
        ({"line_items": [{"quantity": "1"}]}, "line_items[0].quantity: must be int, but is '1'"),
        ({"line_items": [{"qty": 1}]}, "line_items[0].qty: unknown"),
        (
            {"line_items": [{"price_data": {"unit_amount": 1}}]},
            "line_items[0].price_data.currency: required, but missing",
        ),
        (
            {"line_items": [{"price_data": {**PRICE, "unit_amount_decimal": 1.5}}]},
            "line_items[0].price_data.unit_amount_decimal: must be Decimal, but is 1.5",
        ),
        ({"metadata": {"cents": 999}}, "metadata.cents: must be str, but is 999"),
        ({"metadata": []}, "metadata: must be "),
        ({"automatic_tax": {}}, "automatic_tax.enabled: required, but missing"),
        ({"automatic_tax": True}, "automatic_tax: must be a SessionCreateParamsAutomaticTax"),
        (
            {"allowed_payment_method_types": ["card", "cash"]},
            "allowed_payment_method_types[1]: must be one of ",
        ),
        (
            {"payment_intent_data": {"setup_future_usage": "of_session"}},
            "payment_intent_data.setup_future_usage: must be one of ",
        ),
    ],
)
def test_each_problem_is_named_with_its_place(change: dict[str, Any], problem: str) -> None:
    """Purchases: unknown names, wrong types, misspelled words and missing fields are found."""
    [found] = problems({**SESSION, **change}, SessionCreateParams)
    assert found.startswith(problem)


def test_a_decimal_amount_may_be_one() -> None:
    """Purchases: the library wants its own type there."""
    price = {**PRICE, "unit_amount_decimal": Decimal("1.5")}
    assert problems({"line_items": [{"price_data": price}]}, SessionCreateParams) == []


def test_a_group_that_may_be_another_thing_is_looked_into() -> None:
    """Purchases: the problem within a group is told, not that it is no number either."""
    found = problems({"created": {"gte": "1"}}, PaymentIntentListParams)
    assert found == ["created.gte: must be int, but is '1'"]
    assert problems({"created": "1"}, PaymentIntentListParams)
    assert problems({"amount": 50}, PaymentIntentCreateParams) == [
        "currency: required, but missing"
    ]


@pytest.fixture
async def client() -> AsyncIterator[stripe.StripeClient]:
    """The library, against a server that has two pages of one refund."""

    async def answer(request: web.Request) -> web.Response:
        is_first = "starting_after" not in request.query
        refund = {"id": "re_1" if is_first else "re_2", "object": "refund"}
        page = {"object": "list", "data": [refund], "has_more": is_first, "url": "/v1/refunds"}
        return web.json_response(refund if request.method == "POST" else page)

    app = web.Application()
    app.router.add_route("*", "/v1/refunds", answer)
    http = stripe.AIOHTTPClient()
    async with TestServer(app) as server:
        base = str(server.make_url("")).rstrip("/")
        yield stripe.StripeClient("sk_test_x", http_client=http, base_addresses={"api": base})
        await http.close_async()


async def test_watched_requests_are_checked_as_they_are_sent(client: stripe.StripeClient) -> None:
    """Purchases: the types are found by what the library itself is called with."""
    with watched_requests() as watched:
        await client.v1.refunds.create_async({"amount": 5})
        await client.v1.refunds.create_async({"amount": "5", "bogus": 1})  # type: ignore[typeddict-item]
    assert watched.params("POST /v1/refunds") == [{"amount": 5}, {"amount": "5", "bogus": 1}]
    assert watched.problems == [
        "POST /v1/refunds: bogus: unknown",
        "POST /v1/refunds: amount: must be int, but is '5'",
    ]


async def test_further_pages_are_watched_too(client: stripe.StripeClient) -> None:
    """Purchases: what the library asks by itself is of the same type."""
    with watched_requests() as watched:
        listed = await client.v1.refunds.list_async({"limit": 1})
        assert [one.id async for one in listed.auto_paging_iter()] == ["re_1", "re_2"]
    first, second = watched.params("GET /v1/refunds")
    assert first == {"limit": 1}
    assert second == {"limit": 1, "starting_after": "re_1"}
    assert watched.problems == []


async def test_nothing_is_watched_afterwards(client: stripe.StripeClient) -> None:
    """Purchases: the library is left as it was."""
    with watched_requests() as watched:
        pass
    await client.v1.refunds.create_async({"amount": 5})
    assert watched.sent == []
