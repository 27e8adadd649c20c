"""What the pretend Stripe refuses, as the real library tells it."""

import asyncio
import time
from typing import Any

import pytest
import stripe
from stripe import StripeClient

from tests.support.pretend_stripe import PretendStripe
from tests.support.stripe_requests import checkout, off_session, setup

PRICE = {"currency": "usd", "unit_amount": 999, "product_data": {"name": "Starter"}}


@pytest.fixture
def client(pretend: PretendStripe) -> StripeClient:
    return pretend.client


async def refusal(making: Any) -> stripe.InvalidRequestError:
    """What a request is refused with."""
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await making
    assert refused.value.http_status == 400
    return refused.value


def line(**fields: Any) -> dict[str, Any]:
    return {"line_items": [{"quantity": 1, "price_data": {**PRICE, **fields}}]}


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        (checkout(bogus=1), "parameter_unknown", "bogus"),
        (checkout(payment_method_types=["card"]), "parameter_unknown", "payment_method_types"),
        (checkout(**line(price="x")), "parameter_unknown", "line_items[0][price_data][price]"),
        (checkout(**line(currency="dollars")), None, "line_items[0][price_data][currency]"),
        (
            checkout(**line(unit_amount="9.99")),
            "parameter_invalid_integer",
            "line_items[0][price_data][unit_amount]",
        ),
        (
            checkout(**line(unit_amount=-1)),
            "parameter_invalid_integer",
            "line_items[0][price_data][unit_amount]",
        ),
        (checkout(**line(unit_amount=49)), "amount_too_small", None),
        (checkout(**line(unit_amount=10**8)), "amount_too_large", None),
        (
            checkout(**line(product_data={})),
            "parameter_missing",
            "line_items[0][price_data][product_data]",
        ),
        (
            checkout(line_items=[{"price_data": PRICE}]),
            "parameter_missing",
            "line_items[0][quantity]",
        ),
        (
            checkout(line_items=[{"price_data": PRICE, "quantity": 0}]),
            "parameter_invalid_integer",
            "line_items[0][quantity]",
        ),
        (
            checkout(line_items=[{"price": "price_1", "quantity": 1}]),
            "resource_missing",
            "line_items[0][price]",
        ),
        (checkout(line_items=[]), "parameter_missing", "line_items"),
        (checkout(line_items="x"), None, "line_items"),
        (checkout(mode="paiment"), None, "mode"),
        (checkout(mode="subscription"), None, "mode"),
        (checkout(success_url="/return"), "url_invalid", "success_url"),
        (checkout(success_url=""), "parameter_invalid_empty", "success_url"),
        (checkout(client_reference_id="x" * 201), "parameter_invalid_string", None),
        (checkout(metadata={"a": "x" * 501}), "parameter_invalid_string", "metadata[a]"),
        (checkout(metadata={"x" * 41: "a"}), None, "metadata"),
        (checkout(metadata={str(n): "a" for n in range(51)}), None, "metadata"),
        (checkout(metadata="x"), None, "metadata"),
        (checkout(allow_promotion_codes="yes"), None, "allow_promotion_codes"),
        (checkout(automatic_tax={"enabled": "1"}), None, "automatic_tax[enabled]"),
        (checkout(allowed_payment_method_types=["cash"]), None, "allowed_payment_method_types[0]"),
        (checkout(customer="cus_none"), "resource_missing", "customer"),
        (checkout(customer="cus_1", customer_email="a@b.c"), None, "customer"),
        (checkout(expires_at=int(time.time()) + 60), None, "expires_at"),
        (checkout(expires_at=int(time.time()) + 90_000), None, "expires_at"),
        (checkout(expand=["nothing"]), None, "expand"),
        (setup(line_items=checkout()["line_items"]), None, "line_items"),
        ({"mode": "setup", "success_url": "https://a.example"}, "parameter_missing", "currency"),
        ({"mode": "payment"}, "parameter_missing", "success_url"),
        ({}, "parameter_missing", "mode"),
    ],
)
async def test_a_wrong_session_is_refused_by_name(
    pretend: PretendStripe, params: Any, code: str | None, param: str | None
) -> None:
    """Pretend Stripe: the error has the real one's code and names the parameter."""
    error = await refusal(pretend.client.v1.checkout.sessions.create_async(params))
    assert error.code == code
    if param is not None:
        assert error.param == param
    listed = await pretend.client.v1.checkout.sessions.list_async()
    assert listed.data == []


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"amount": 49}, "amount_too_small", "amount"),
        ({"amount": 10**8}, "amount_too_large", "amount"),
        ({"amount": -5}, "parameter_invalid_integer", "amount"),
        ({"amount": "x"}, "parameter_invalid_integer", "amount"),
        ({"payment_method": "pm_none"}, "resource_missing", "payment_method"),
        ({"confirm": False}, None, "off_session"),
        ({"payment_method_types": ["card"]}, "parameter_unknown", "payment_method_types"),
        ({"setup_future_usage": "off_session"}, None, "off_session"),
        ({"customer": "cus_none"}, "resource_missing", "customer"),
        ({"allowed_payment_method_types": ["link"]}, None, "payment_method"),
    ],
)
async def test_a_wrong_payment_is_refused_by_name(
    client: StripeClient, fields: Any, code: str | None, param: str
) -> None:
    """Pretend Stripe: and nothing is paid."""
    customer = (await client.v1.customers.create_async({})).id
    params = {**off_session(customer), **fields}
    error = await refusal(client.v1.payment_intents.create_async(params))
    assert (error.code, error.param) == (code, param)
    assert (await client.v1.payment_intents.list_async()).data == []


async def test_what_may_redirect_needs_a_way_back(client: StripeClient) -> None:
    """Pretend Stripe: without a list of types, a payment has a `return_url` or never redirects."""
    customer = (await client.v1.customers.create_async({})).id
    params = off_session(customer)
    del params["allowed_payment_method_types"]
    error = await refusal(client.v1.payment_intents.create_async(params))
    assert "you must provide a `return_url`" in str(error)
    never = {"enabled": True, "allow_redirects": "never"}
    params = {**params, "automatic_payment_methods": never}
    assert (await client.v1.payment_intents.create_async(params)).status == "succeeded"


@pytest.mark.parametrize("limit", [0, 101])
async def test_a_list_has_its_limits(client: StripeClient, limit: int) -> None:
    """Pretend Stripe: 1 to 100."""
    error = await refusal(client.v1.refunds.list_async({"limit": limit}))
    assert (error.code, error.param) == ("parameter_invalid_integer", "limit")


async def test_unknown_parameters_of_a_list_are_refused(client: StripeClient) -> None:
    """Pretend Stripe: also where nothing is changed."""
    error = await refusal(client.v1.refunds.list_async({"since": 1}))  # type: ignore[typeddict-unknown-key]
    assert error.code == "parameter_unknown"
    error = await refusal(client.v1.refunds.list_async({"created": {"since": 1}}))  # type: ignore[typeddict-unknown-key]
    assert error.param == "created[since]"


async def test_what_is_not_there_is_a_404(client: StripeClient) -> None:
    """Pretend Stripe: with the real one's code."""
    for finding in (
        client.v1.checkout.sessions.retrieve_async("cs_none"),
        client.v1.payment_intents.retrieve_async("pi_none"),
        client.v1.charges.retrieve_async("ch_none"),
        client.v1.setup_intents.retrieve_async("seti_none"),
        client.v1.products.retrieve_async("prod_none"),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await finding
        assert refused.value.http_status == 404


@pytest.mark.parametrize("key", ["sk_test_another", "sk_live_real"])
async def test_another_key_is_not_let_in(pretend: PretendStripe, key: str) -> None:
    """Pretend Stripe: 401; and the key is not repeated."""
    options: Any = {"api_key": key}
    with pytest.raises(stripe.AuthenticationError) as refused:
        await pretend.client.v1.customers.create_async({}, options)
    assert key not in str(refused.value)


async def test_no_key_is_not_let_in(pretend: PretendStripe) -> None:
    """Pretend Stripe: neither to the API nor to what is done on demand."""
    for path in ("/v1/charges", "/pretend/events"):
        headers = {"Authorization": ""}
        async with pretend.session.get(pretend.url + path, headers=headers) as answer:
            assert answer.status == 401
            assert (await answer.json())["error"]["type"] == "invalid_request_error"


async def test_another_version_is_not_spoken(pretend: PretendStripe) -> None:
    """Pretend Stripe: who sends another version would get other objects from the real one."""
    options: Any = {"stripe_version": "2020-08-27"}
    error = await refusal(pretend.client.v1.customers.create_async({}, options))
    assert "Invalid Stripe API version: 2020-08-27" in str(error)


async def test_json_is_not_taken_for_a_form(pretend: PretendStripe) -> None:
    """Pretend Stripe: the API's bodies are forms."""
    url = f"{pretend.url}/v1/customers"
    async with pretend.session.post(url, json={"name": "A"}) as answer:
        assert answer.status == 400


async def test_the_same_request_with_the_same_key_is_done_once(client: StripeClient) -> None:
    """Pretend Stripe: the answer is repeated word for word, and says so."""
    options: Any = {"idempotency_key": "purchase-1"}
    first = await client.v1.checkout.sessions.create_async(checkout(), options)
    await client.v1.checkout.sessions.expire_async(first.id)
    again = await client.v1.checkout.sessions.create_async(checkout(), options)
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert again.to_dict() == first.to_dict()
    assert len((await client.v1.checkout.sessions.list_async()).data) == 1


async def test_another_request_with_the_same_key_is_refused(client: StripeClient) -> None:
    """Pretend Stripe: other parameters or another route."""
    options: Any = {"idempotency_key": "purchase-1"}
    await client.v1.checkout.sessions.create_async(checkout(), options)
    with pytest.raises(stripe.IdempotencyError):
        await client.v1.checkout.sessions.create_async(checkout(client_reference_id="2"), options)
    with pytest.raises(stripe.IdempotencyError):
        await client.v1.customers.create_async({}, options)


async def test_many_at_once_with_the_same_key_are_one(client: StripeClient) -> None:
    """Pretend Stripe: a double click at two workers."""
    options: Any = {"idempotency_key": "purchase-1"}
    making = (client.v1.checkout.sessions.create_async(checkout(), options) for _ in range(10))
    assert len({made.id for made in await asyncio.gather(*making)}) == 1


async def test_a_refused_card_is_repeated_too(client: StripeClient) -> None:
    """Pretend Stripe: the same key tries no second time."""
    customer = (await client.v1.customers.create_async({})).id
    params = off_session(customer, payment_method="pm_card_chargeDeclined")
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            await client.v1.payment_intents.create_async(params, {"idempotency_key": "a"})
    assert len((await client.v1.payment_intents.list_async()).data) == 1


async def test_a_request_that_was_wrong_does_not_use_its_key_up(client: StripeClient) -> None:
    """Pretend Stripe: nothing was begun with it."""
    options: Any = {"idempotency_key": "a"}
    await refusal(client.v1.checkout.sessions.create_async(checkout(mode="x"), options))
    await client.v1.checkout.sessions.create_async(checkout(), options)


async def test_a_key_is_forgotten_after_a_day(pretend: PretendStripe, client: StripeClient) -> None:
    """Pretend Stripe: as the real one does."""
    options: Any = {"idempotency_key": "a"}
    first = await client.v1.customers.create_async({}, options)
    pretend.clock.ahead_s = 24 * 3600 + 1
    assert (await client.v1.customers.create_async({}, options)).id != first.id


async def test_the_library_tries_again_what_has_failed(pretend: PretendStripe) -> None:
    """Pretend Stripe: refused, or done without an answer: it is done once."""
    retried = stripe.StripeClient(
        "sk_test_of_the_tests",
        http_client=stripe.AIOHTTPClient(),
        base_addresses={"api": pretend.url},
        max_network_retries=2,
    )
    for knobs in ({"fail_next": 1}, {"lose_next": 1}):
        await pretend.turn("api", **knobs)
        await retried.v1.customers.create_async({"name": "A"})
    assert len((await pretend.client.v1.customers.list_async()).data) == 2
    await pretend.turn("api", fail_next=1, status=429)
    with pytest.raises(stripe.RateLimitError):
        await pretend.client.v1.customers.create_async({})
