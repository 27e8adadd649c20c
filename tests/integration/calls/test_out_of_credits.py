"""402: said exactly, said once, and what it says is true."""

from decimal import Decimal
from typing import Any

import msgspec
import openai
import pytest
from structlog.testing import capture_logs

from tests.support.calls import (
    QUESTION,
    QUESTION_TOKENS,
    assert_untouched,
    mini_charge_mc,
    table_with,
    until,
    until_held,
)
from tests.support.pretend import chat, knobs
from tests.support.raw_client import raw_call
from tests.support.stack import Customer, Stack, open_stack
from tests.support.watched_provider import WatchedProvider

TOP_UP_URL = "http://credits.example.com/console"
OVERHEAD_TOKENS = 16


async def refused(stack: Stack, customer: Customer, body: object) -> dict[str, Any]:
    """The body of a 402."""
    answer = await stack.post(customer, body)
    assert answer.status == 402, await answer.text()
    content: dict[str, Any] = await answer.json(loads=msgspec.json.decode)
    return content


async def test_the_refusal_says_what_the_contract_says(
    stack: Stack, provider: WatchedProvider
) -> None:
    """Section 7: status, headers and body of a call that the account can't carry, to the byte."""
    customer = await stack.customer("3.72")
    answer = await stack.post(customer, chat(max_tokens=1000))
    needed_mc = mini_charge_mc(QUESTION_TOKENS + OVERHEAD_TOKENS, 1000)
    affordable = (37_200 - 24 * (QUESTION_TOKENS + OVERHEAD_TOKENS)) // 96
    needed, short = Decimal(needed_mc) / 1000, Decimal(needed_mc - 3720) / 1000
    assert (answer.status, answer.headers["x-should-retry"]) == (402, "false")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    assert await answer.text() == (
        '{"error":{"message":"This call needs up to '
        f'{needed} credits; the account has 3.72. Add credits at {TOP_UP_URL}",'
        '"type":"insufficient_credits","param":null,"code":"insufficient_credits",'
        f'"requiredCredits":{needed},"currentCredits":3.72,"heldCredits":0.0,'
        f'"shortfallCredits":{short},"affordableMaxTokens":{affordable},'
        f'"topUpUrl":"{TOP_UP_URL}"}},'
        f'"requiredCredits":{needed},"currentCredits":3.72}}'
    )
    await assert_untouched(stack, customer, provider, 3720)


async def test_an_account_without_credits_is_refused(
    stack: Stack, provider: WatchedProvider
) -> None:
    """G1: nothing leaves for an account that never had anything."""
    customer = await stack.customer()
    error = (await refused(stack, customer, chat()))["error"]
    assert (error["currentCredits"], error["affordableMaxTokens"]) == (0.0, 0)
    await assert_untouched(stack, customer, provider, 0)


async def test_the_sdk_raises_it_once_without_a_retry(
    stack: Stack, provider: WatchedProvider
) -> None:
    """402 is not retried: one request is logged, and the SDK shows what is inside `error`."""
    customer = await stack.customer("1")
    with capture_logs() as lines:
        async with stack.sdk(customer, max_retries=5) as client:
            with pytest.raises(openai.APIStatusError) as raised:
                await client.chat.completions.create(
                    model="gpt-4o", messages=QUESTION, max_tokens=16_000
                )
        await until(lambda: [line for line in lines if line["event"] == "request"])
    assert raised.value.status_code == 402
    assert raised.value.code == "insufficient_credits"
    assert raised.value.body["topUpUrl"] == TOP_UP_URL
    assert [line["status"] for line in lines if line["event"] == "request"] == [402]
    await assert_untouched(stack, customer, provider, 1000)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("n", [1, 3])
async def test_what_it_calls_affordable_is_affordable(
    stack: Stack, provider: WatchedProvider, n: int, *, stream: bool
) -> None:
    """`affordableMaxTokens` used as `max_tokens` is admitted; one more is not."""
    customer = await stack.customer("5")
    asked = chat(n=n, stream=stream)
    error = (await refused(stack, customer, {**asked, "max_tokens": 4000}))["error"]
    limit = error["affordableMaxTokens"]
    assert limit > 0
    assert (await stack.post(customer, {**asked, "max_tokens": limit + 1})).status == 402
    assert provider.requests == []
    answer = await stack.post(customer, {**asked, "max_tokens": limit})
    assert answer.status == 200
    await answer.read()
    await stack.assert_books_agree()


async def test_it_is_affordable_also_where_tokens_cannot_be_counted(
    database_url: str, redis_url: str
) -> None:
    """A model without a tokenizer is quoted by bytes: those of the limit itself cost nothing."""
    table = table_with(tokenizer=None)
    async with open_stack(database_url, redis_url, table=table) as stack:
        customer = await stack.customer("1")
        limit = (await refused(stack, customer, chat()))["error"]["affordableMaxTokens"]
        assert limit > 0
        assert (await stack.post(customer, chat(max_tokens=limit + 1))).status == 402
        answer = await stack.post(customer, chat(max_tokens=limit))
        assert answer.status == 200, await answer.text()
        await stack.assert_books_agree()


@pytest.mark.parametrize("fields", [{"max_tokens": 777}, {}, {"n": 2}, {"max_tokens": 1, "n": 128}])
@pytest.mark.parametrize("rounding", ["millicredit", "credit"])
async def test_the_shortfall_is_just_enough(
    database_url: str, redis_url: str, rounding: str, fields: dict[str, int]
) -> None:
    """A grant of `shortfallCredits` admits the same call; a millicredit less does not."""
    async with open_stack(database_url, redis_url, rounding=rounding) as stack:
        customer = await stack.customer("0.123")
        error = (await refused(stack, customer, chat(**fields)))["error"]
        short_mc = int(Decimal(str(error["shortfallCredits"])) * 1000)
        assert error["requiredCredits"] == float(Decimal(short_mc + 123) / 1000)
        await stack.grant(customer, str(Decimal(short_mc - 1) / 1000))
        again = (await refused(stack, customer, chat(**fields)))["error"]
        assert again["shortfallCredits"] == 0.001
        await stack.grant(customer, "0.001")
        answer = await stack.post(customer, chat(**fields))
        assert answer.status == 200, await answer.text()
        await stack.assert_books_agree()


async def test_held_credits_stand_beside_those_available(stack: Stack) -> None:
    """`currentCredits` is what a new call can use; what calls under way hold is said apart."""
    customer = await stack.customer("20")
    body = chat(max_tokens=1000)
    async with raw_call(stack, customer, body, knobs(hang=1)) as waiting:
        account = await until_held(stack, customer)
        error = (await refused(stack, customer, chat(max_tokens=1500)))["error"]
        assert error["currentCredits"] == int(account["available"]) / 1000
        assert error["heldCredits"] == int(account["held"]) / 1000
        assert error["currentCredits"] + error["heldCredits"] == pytest.approx(20)
        waiting.leave()


async def test_it_points_where_the_operator_wants(database_url: str, redis_url: str) -> None:
    """`top_up_url` is where people are sent."""
    url = "https://app.example.com/billing"
    async with open_stack(database_url, redis_url, top_up_url=url) as stack:
        customer = await stack.customer()
        error = (await refused(stack, customer, chat()))["error"]
        assert error["topUpUrl"] == url
        assert error["message"].endswith(f"Add credits at {url}")


async def test_tokens_are_counted_before_a_call_is_refused(
    stack: Stack, provider: WatchedProvider
) -> None:
    """The cheap ceiling refuses nobody: what counts is the exact one, tools by their bytes."""
    text = "word " * 2000  # 10,000 bytes, 2,000 tokens and few more
    customer = await stack.customer("6")
    body = chat(messages=[{"role": "user", "content": text}], max_tokens=50)
    answer = await stack.post(customer, body)
    assert answer.status == 200
    ceiling_mc = int(Decimal(answer.headers["x-credits-ceiling"]) * 1000)
    assert mini_charge_mc(2000, 50) < ceiling_mc < 6000
    parameters = {"type": "object", "description": "x" * 8000}
    tool = {"type": "function", "function": {"name": "f", "parameters": parameters}}
    refusal = await refused(stack, customer, {**body, "tools": [tool]})
    assert refusal["requiredCredits"] > ceiling_mc / 1000 + 8000 * 2.4 / 1000
    assert len(provider.requests) == 1


async def test_an_account_whose_purchase_was_paid_back_is_refused_until_it_has_credits(
    stack: Stack, provider: WatchedProvider
) -> None:
    """A refund may leave a debt; then calls get 402, and the customer sees what is owed."""
    customer = await stack.customer("10")
    body = {"credits": "12.5", "description": "Paid back", "idempotencyKey": "refund-1"}
    await stack.admin("POST", f"/accounts/{customer.account_id}/refunds", body)
    content = await refused(stack, customer, chat(max_tokens=5))
    assert (content["currentCredits"], content["error"]["affordableMaxTokens"]) == (-2.5, 0)
    await assert_untouched(stack, customer, provider, -2500)
    await stack.grant(customer, "10")
    assert (await stack.post(customer, chat(max_tokens=5))).status == 200
