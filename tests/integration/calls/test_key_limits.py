"""402 for a key that has spent its month: said exactly, and only where nothing else helps."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import openai
import pytest

from tests.support.calls import QUESTION, QUESTION_TOKENS, mini_charge_mc
from tests.support.pretend import chat, knobs
from tests.support.stack import Customer, Stack
from tests.support.watched_provider import WatchedProvider

OVERHEAD_TOKENS = 16


async def limit(stack: Stack, customer: Customer, credits: str | None) -> Any:
    body = {"monthlyLimitCredits": credits}
    return await stack.admin("PATCH", f"/keys/{customer.key_id}", body)


async def key_of(stack: Stack, customer: Customer) -> Any:
    [key] = (await stack.admin("GET", f"/accounts/{customer.account_id}/keys"))["data"]
    return key


def first_of_next_month() -> str:
    first = datetime.now(UTC).replace(day=1)
    return f"{(first + timedelta(days=32)).replace(day=1):%Y-%m-%d}"


async def test_the_refusal_says_what_the_key_may_spend_and_when_that_begins_anew(
    stack: Stack, provider: WatchedProvider
) -> None:
    """Status, headers and body, to the byte; nothing leaves and nothing is held."""
    customer = await stack.customer("500")
    await limit(stack, customer, "3.72")
    answer = await stack.post(customer, chat(max_tokens=1000))
    needed = mini_charge_mc(QUESTION_TOKENS + OVERHEAD_TOKENS, 1000)
    needed_credits = f"{needed // 1000}.{needed % 1000:03d}".rstrip("0")
    assert (answer.status, answer.headers["x-should-retry"]) == (402, "false")
    day = first_of_next_month()
    assert await answer.text() == (
        f'{{"error":{{"message":"This call needs up to {needed_credits} credits; this API key may '
        "spend 3.72 a month, and 0.0 of that are spent or held by its calls. The limit begins anew "
        f'on {day} (UTC).","type":"insufficient_credits","param":null,'
        f'"code":"key_limit_exceeded","requiredCredits":{needed_credits},"keyLimitCredits":3.72,'
        f'"keySpentCredits":0.0,"resetsAt":"{day}T00:00:00.000Z"}},'
        f'"requiredCredits":{needed_credits},"currentCredits":500.0}}'
    )
    assert provider.requests == []
    await stack.assert_books_agree()


async def test_the_sdk_raises_it_once_without_a_retry(
    stack: Stack, provider: WatchedProvider
) -> None:
    """402 is not retried, and what is inside `error` reaches the client."""
    customer = await stack.customer("500")
    await limit(stack, customer, "0.001")
    async with stack.sdk(customer, max_retries=5) as client:
        with pytest.raises(openai.APIStatusError) as raised:
            await client.chat.completions.create(model="gpt-4o", messages=QUESTION, max_tokens=100)
    assert (raised.value.status_code, raised.value.code) == (402, "key_limit_exceeded")
    assert raised.value.body["keyLimitCredits"] == 0.001
    assert provider.requests == []


async def test_a_call_without_a_limit_is_clamped_to_what_is_left_of_the_keys(
    stack: Stack,
) -> None:
    """The limit that the key pays for is injected and told, as that of a balance is."""
    customer = await stack.customer("500")
    await limit(stack, customer, "5")
    answer = await stack.post(customer, chat())
    assert answer.status == 200, await answer.text()
    assert 256 <= int(answer.headers["x-credits-max-tokens"]) < 520
    assert float(answer.headers["x-credits-ceiling"]) <= 5
    await answer.read()
    await stack.settled()
    key = await key_of(stack, customer)
    assert key["spentThisMonthCredits"] == Decimal(answer.headers["x-credits-charged"])
    assert key["lastUsedAt"] is not None


async def test_tokens_are_counted_before_a_limit_refuses(stack: Stack) -> None:
    """The cheap ceiling counts bytes; what is precisely affordable is let through."""
    customer = await stack.customer("500")
    words = [{"role": "user", "content": "hello " * 2_000}]
    await limit(stack, customer, "20")
    answer = await stack.post(customer, chat(messages=words, max_tokens=1_000))
    assert answer.status == 200, await answer.text()
    await answer.read()
    await limit(stack, customer, "14")
    refused = await stack.post(customer, chat(messages=words, max_tokens=1_000))
    assert refused.status == 402
    content = await refused.json(loads=msgspec.json.decode)
    assert content["error"]["code"] == "key_limit_exceeded"


async def test_a_limit_that_is_changed_or_lifted_holds_for_the_next_call(stack: Stack) -> None:
    """At once: the next call asks Redis."""
    customer = await stack.customer("500")
    body = chat(max_tokens=1000)
    for limited, status in ((None, 200), ("0.5", 402), ("400", 200), ("0.5", 402), (None, 200)):
        await limit(stack, customer, limited)
        assert (await stack.post(customer, body)).status == status
    await stack.assert_books_agree()


async def test_g1_however_many_calls_come_at_once_the_key_stays_within_its_limit(
    stack: Stack,
) -> None:
    """G1: what the ledger has of the key in the end, and what it never had more of."""
    customer = await stack.customer("5000")
    await limit(stack, customer, "50")
    body = chat(max_tokens=1000)
    answers = await asyncio.gather(
        *(stack.post(customer, body, knobs(output_tokens=n % 900)) for n in range(60))
    )
    charged = [
        Decimal(answer.headers["x-credits-charged"]) for answer in answers if answer.status == 200
    ]
    assert {answer.status for answer in answers} == {200, 402}
    await stack.settled()
    key = await key_of(stack, customer)
    assert key["spentThisMonthCredits"] == sum(charged)
    assert key["spentThisMonthCredits"] <= 50
    await stack.assert_books_agree()
