"""Who may call, and what: keys, routes and models."""

import asyncio

import openai
import pytest

from proxy.app import open_server
from tests.support.calls import QUESTION, assert_untouched, error_of, until
from tests.support.front import serving
from tests.support.pretend import chat, knobs
from tests.support.rates import fixed_rates
from tests.support.raw_client import raw_connection, request_bytes
from tests.support.stack import ADMIN_TOKEN, PROVIDER_KEY, Customer, Stack
from tests.support.watched_provider import WatchedProvider

PATH = "/v1/chat/completions"


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic {key}",
        "{key}",
        "Token {key}",
        "Bearer {key}x",
        "Bearer x{key}",
        "Bearer {KEY}",
        "Bearer sk-tg-",
        "Bearer sk-tg-\u00e9",
        "Bearer " + "x" * 5000,
        f"Bearer {ADMIN_TOKEN}",
        f"Bearer {PROVIDER_KEY}",
    ],
)
async def test_who_has_no_good_key_is_refused(
    stack: Stack, provider: WatchedProvider, authorization: str | None
) -> None:
    """401 with the envelope; nothing leaves."""
    customer = await stack.customer("100")
    headers = {}
    if authorization is not None:
        value = authorization.format(key=customer.key, KEY=customer.key.upper())
        headers["Authorization"] = value
    for method, path in (("POST", PATH), ("GET", "/v1/models"), ("GET", "/v1/credits/balance")):
        async with stack.session.request(
            method, stack.url + path, json=chat(), headers=headers
        ) as answer:
            error = error_of(await answer.read())
            assert (answer.status, error["code"]) == (401, "invalid_api_key")
            assert error["type"] == "invalid_request_error"
    await assert_untouched(stack, customer, provider, 100_000)


async def test_a_key_of_bytes_that_are_no_text_is_refused(stack: Stack) -> None:
    """401 also for what nobody could have as a key."""
    customer = await stack.customer("100")
    async with raw_connection(stack.url) as call:
        strange = {"Authorization": "Bearer sk-tg-\xff\xfe"}
        await call.send(request_bytes(customer, chat(), strange))
        answer = await call.answer()
    assert (answer.status, error_of(answer.body)["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_may_be_in_any_case(stack: Stack, scheme: str) -> None:
    """A good key is good, however its scheme is written, and however many spaces follow."""
    customer = await stack.customer("1000")
    headers = {"Authorization": f"{scheme}   {customer.key}"}
    async with stack.session.post(stack.url + PATH, json=chat(), headers=headers) as answer:
        assert answer.status == 200


async def test_the_sdk_raises_a_bad_key(stack: Stack) -> None:
    """The SDK's own error, without a retry."""
    stranger = Customer("", "", "sk-tg-nobody")
    async with stack.sdk(stranger) as client:
        with pytest.raises(openai.AuthenticationError):
            await client.chat.completions.create(model="gpt-4o-mini", messages=QUESTION)


async def test_a_new_accounts_key_works_at_once(stack: Stack) -> None:
    """A key works with the very next request, on an account that was never used."""
    for _ in range(5):
        customer = await stack.customer("1000")
        assert (await stack.post(customer, chat())).status == 200


async def test_a_second_key_of_an_account_that_is_in_use_works_at_once(stack: Stack) -> None:
    """Also where the account is in Redis already."""
    customer = await stack.customer("1000")
    assert (await stack.post(customer, chat())).status == 200
    path = f"/accounts/{customer.account_id}/keys"
    second = await stack.admin("POST", path, {"name": "second"})
    other = Customer(customer.account_id, second["keyId"], second["key"])
    assert (await stack.post(other, chat())).status == 200


async def test_a_revoked_key_stops_with_the_next_request_on_every_server(stack: Stack) -> None:
    """Authenticate: each server has the key in its memory, and none serves it any more."""
    customer = await stack.customer("1000")
    async with (
        open_server(stack.settings, stack.secrets, fixed_rates(stack.table), {}) as server,
        serving(server.app) as other_url,
    ):
        urls = [stack.url, other_url]
        for url in urls:
            async with stack.session.post(url + PATH, json=chat(), headers=customer.auth) as answer:
                assert answer.status == 200
        await stack.admin("DELETE", f"/keys/{customer.key_id}")
        for url in urls:
            for method, path in (("POST", PATH), ("GET", "/v1/credits/balance")):
                async with stack.session.request(
                    method, url + path, json=chat(), headers=customer.auth
                ) as answer:
                    assert (answer.status, error_of(await answer.read())["code"]) == (
                        401,
                        "invalid_api_key",
                    )


async def test_a_call_under_way_outlives_its_key(stack: Stack) -> None:
    """Authenticate: what was admitted is served and charged; what comes later is not admitted."""
    customer = await stack.customer("1000")
    slow = asyncio.create_task(stack.post(customer, chat(), knobs(delay_s=0.3)))
    await until(lambda: len(stack.server.reservations))
    await stack.admin("DELETE", f"/keys/{customer.key_id}")
    assert (await slow).status == 200
    assert (await stack.post(customer, chat())).status == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/embeddings"),
        ("POST", "/v1/completions"),
        ("POST", "/v1/chat/completions/"),
        ("POST", "/chat/completions"),
        ("POST", "/v1//chat/completions"),
        ("GET", "/v1/files"),
        ("GET", "/"),
        ("GET", "/v1"),
    ],
)
async def test_an_unknown_route_is_refused(
    stack: Stack, provider: WatchedProvider, method: str, path: str
) -> None:
    """G2: 404 with the envelope, before anything leaves."""
    customer = await stack.customer("100")
    async with stack.session.request(
        method, stack.url + path, json=chat(), headers=customer.auth
    ) as answer:
        assert (answer.status, error_of(await answer.read())["code"]) == (404, "unknown_url")
        assert answer.headers["x-request-id"]
    await assert_untouched(stack, customer, provider, 100_000)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_another_method_is_refused(stack: Stack, method: str) -> None:
    """405 with the envelope, and what is allowed."""
    customer = await stack.customer("100")
    async with stack.session.request(
        method, stack.url + PATH, json=chat(), headers=customer.auth
    ) as answer:
        assert answer.status == 405
        assert answer.headers["allow"] == "POST"
        assert error_of(await answer.read())["code"] == "http_error"


async def test_models_are_those_that_have_a_rate(stack: Stack) -> None:
    """`GET /v1/models` as the SDK reads it."""
    customer = await stack.customer()
    async with stack.sdk(customer) as client:
        models = [model async for model in client.models.list()]
        one = await client.models.retrieve("gpt-4o")
        with pytest.raises(openai.NotFoundError) as raised:
            await client.models.retrieve("gpt-9")
    assert [model.id for model in models] == ["gpt-4o-mini", "gpt-4o"]
    assert (one.object, one.owned_by) == ("model", "openai")
    assert raised.value.code == "model_not_found"


async def test_an_error_of_our_own_tells_nothing_of_the_inside(
    stack: Stack, provider: WatchedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """500 with the envelope and nothing else; what was held is released."""
    customer = await stack.customer("100")

    def fail(*_: object) -> None:
        raise ZeroDivisionError(customer.key)

    monkeypatch.setattr("proxy.metering.for_provider", fail)
    answer = await stack.post(customer, chat(max_tokens=5))
    content = await answer.read()
    assert (answer.status, error_of(content)["code"]) == (500, "internal_error")
    assert customer.key.encode() not in content
    assert provider.requests == []
    await stack.assert_books_agree()
    assert await stack.balance_mc(customer) == 100_000
