"""Calls through the proxy with the official SDK: what they cost, and that all numbers agree."""

from decimal import Decimal

import pytest

from tests.support.pretend import knobs
from tests.support.stack import Customer, Stack, open_stack

MONEY_TABLE = [
    ("gpt-4o-mini", 1_000, 1_000, "12.0"),
    ("gpt-4o", 10_000, 2_000, "360.0"),
    ("gpt-4o-mini", 750, 200, "3.72"),
]
MESSAGES = [{"role": "user", "content": "Say something."}]


async def assert_all_agree(stack: Stack, customer: Customer, charge: str, before_mc: int) -> None:
    charge_mc = int(Decimal(charge) * 1000)
    await stack.settled()
    usage = (await stack.get(customer, "/credits/usage"))["data"][0]
    entry = (await stack.get(customer, "/credits/ledger"))["data"][0]
    balance = await stack.get(customer, "/credits/balance")
    assert usage["chargedMillicredits"] == str(charge_mc)
    assert usage["chargedCredits"] == Decimal(charge)
    assert usage["basis"] == "provider"
    assert (entry["type"], entry["ref"]) == ("usage", usage["requestId"])
    assert entry["amountMillicredits"] == str(-charge_mc)
    assert entry["balanceAfterMillicredits"] == balance["balanceMillicredits"]
    assert int(balance["balanceMillicredits"]) == before_mc - charge_mc
    await stack.assert_books_agree()


@pytest.mark.parametrize(("model", "input_tokens", "output_tokens", "charge"), MONEY_TABLE)
async def test_a_call_costs_what_the_table_says(
    stack: Stack, model: str, input_tokens: int, output_tokens: int, charge: str
) -> None:
    """Money: charge = units x rate / 1000, in header, usage, ledger and balance alike."""
    customer = await stack.customer("1000")
    async with stack.sdk(customer) as client:
        answer = await client.chat.completions.with_raw_response.create(
            model=model,
            messages=MESSAGES,
            max_tokens=output_tokens,
            extra_headers=knobs(input_tokens=input_tokens, output_tokens=output_tokens),
        )
    assert answer.parse().usage.prompt_tokens == input_tokens
    assert answer.headers["x-credits-charged"] == charge
    assert answer.headers["x-credits-balance"] == str(1000 - Decimal(charge))
    await assert_all_agree(stack, customer, charge, 1_000_000)


@pytest.mark.parametrize(("model", "input_tokens", "output_tokens", "charge"), MONEY_TABLE)
async def test_a_stream_costs_what_the_table_says(
    stack: Stack, model: str, input_tokens: int, output_tokens: int, charge: str
) -> None:
    """Money: a stream costs the same, and says so in its usage chunk."""
    customer = await stack.customer("1000")
    async with stack.sdk(customer) as client:
        stream = await client.chat.completions.create(
            model=model,
            messages=MESSAGES,
            max_tokens=output_tokens,
            stream=True,
            stream_options={"include_usage": True},
            extra_headers=knobs(input_tokens=input_tokens, output_tokens=output_tokens),
        )
        chunks = [chunk async for chunk in stream]
    usage = chunks[-1].usage
    assert usage.completion_tokens == output_tokens
    assert usage.model_extra["credits_charged_millicredits"] == str(int(Decimal(charge) * 1000))
    assert str(usage.model_extra["credits_charged"]) == charge
    await assert_all_agree(stack, customer, charge, 1_000_000)


async def test_rounding_to_whole_credits_rounds_up_once(database_url: str, redis_url: str) -> None:
    """Money: with rounding = "credit", 3.72 credits are 4."""
    async with open_stack(database_url, redis_url, rounding="credit") as stack:
        customer = await stack.customer("1000")
        async with stack.sdk(customer) as client:
            answer = await client.chat.completions.with_raw_response.create(
                model="gpt-4o-mini",
                messages=MESSAGES,
                extra_headers=knobs(input_tokens=750, output_tokens=200),
            )
        assert answer.headers["x-credits-charged"] == "4.0"
        await assert_all_agree(stack, customer, "4.0", 1_000_000)


async def test_cached_input_is_priced_once(stack: Stack) -> None:
    """Cached tokens are part of the input: 1,000 of which 400 cached, 10 out."""
    customer = await stack.customer("1000")
    async with stack.sdk(customer) as client:
        answer = await client.chat.completions.with_raw_response.create(
            model="gpt-4o-mini",
            messages=MESSAGES,
            extra_headers=knobs(input_tokens=1000, cached_tokens=400, output_tokens=10),
        )
    assert answer.headers["x-credits-charged"] == "2.016"  # 600 x 2.4 + 400 x 1.2 + 10 x 9.6
    await stack.settled()
    usage = (await stack.get(customer, "/credits/usage"))["data"][0]
    assert (usage["inputTokens"], usage["cachedInputTokens"]) == (1000, 400)
    assert usage["units"] == {"input": 600, "cached_input": 400, "output": 10}
    assert usage["rates"] == {"input": "2.4", "cached_input": "1.2", "output": "9.6"}
