"""Calls that set no limit get the one that their account carries."""

import asyncio
from decimal import Decimal

import msgspec
import pytest

from tests.support.calls import (
    QUESTION_TOKENS,
    assert_untouched,
    error_of,
    last_usage,
    mini_charge_mc,
    table_with,
)
from tests.support.odd_upstream import completion, odd_upstream, usage, whole
from tests.support.pretend import chat, knobs
from tests.support.stack import Stack, open_stack
from tests.support.watched_provider import WatchedProvider

INPUT_TOKENS = QUESTION_TOKENS + 16
ENDLESS = knobs(output_tokens=1_000_000)


def affordable(credits_mc: int, choices: int = 1) -> int:
    """The largest limit of a question to gpt-4o-mini."""
    return (10 * credits_mc - 24 * INPUT_TOKENS) // (96 * choices)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("limits", [{}, {"max_tokens": None}])
async def test_a_call_without_a_limit_is_clamped_to_what_the_account_has(
    stack: Stack, provider: WatchedProvider, limits: dict[str, None], *, stream: bool
) -> None:
    """Clamp: the limit that the money pays for is injected and told; the answer costs no more."""
    customer = await stack.customer("5")
    answer = await stack.post(customer, chat(stream=stream, **limits), ENDLESS)
    assert answer.status == 200
    await answer.read()
    sent = msgspec.json.decode(provider.requests[0].body)
    assert sent["max_tokens"] == affordable(5000)
    assert answer.headers["x-credits-max-tokens"] == str(affordable(5000))
    assert answer.headers["x-credits-ceiling"] == "5.0"
    row = await last_usage(stack, customer)
    assert row["outputTokens"] == affordable(5000)
    assert int(row["chargedMillicredits"]) == mini_charge_mc(QUESTION_TOKENS, affordable(5000))
    assert await stack.balance_mc(customer) == 5000 - int(row["chargedMillicredits"])


async def test_a_call_that_the_account_carries_is_not_clamped(
    stack: Stack, provider: WatchedProvider
) -> None:
    """Clamp: with enough credits nothing is injected, and nothing is told."""
    customer = await stack.customer("1000")
    answer = await stack.post(customer, chat())
    assert "x-credits-max-tokens" not in answer.headers
    assert "max_tokens" not in msgspec.json.decode(provider.requests[0].body)


async def test_the_limit_goes_into_the_field_that_the_model_obeys(
    database_url: str, redis_url: str, provider: WatchedProvider
) -> None:
    """Clamp: `limit_field` of the model is what is injected."""
    table = table_with(limit_field="max_completion_tokens")
    async with open_stack(database_url, redis_url, upstream_url=provider.url, table=table) as stack:
        customer = await stack.customer("5")
        answer = await stack.post(customer, chat(max_tokens=None))
        assert answer.status == 200
        sent = msgspec.json.decode(provider.requests[0].body)
        assert sent["max_completion_tokens"] == affordable(5000)
        assert sent["max_tokens"] is None


async def test_less_than_the_least_clamp_is_refused(
    database_url: str, redis_url: str, provider: WatchedProvider
) -> None:
    """Clamp: `min_clamp_tokens` are affordable to the millicredit, or it is a 402."""
    least_mc = mini_charge_mc(INPUT_TOKENS, 100)
    async with open_stack(
        database_url, redis_url, upstream_url=provider.url, min_clamp_tokens=100
    ) as stack:
        customer = await stack.customer(str(Decimal(least_mc - 1) / 1000))
        answer = await stack.post(customer, chat())
        assert answer.status == 402
        error = error_of(await answer.read())
        assert error["requiredCredits"] == least_mc / 1000
        assert error["affordableMaxTokens"] == affordable(least_mc - 1) == 99
        await assert_untouched(stack, customer, provider, least_mc - 1)
        await stack.grant(customer, "0.001")
        answer = await stack.post(customer, chat())
        assert answer.headers["x-credits-max-tokens"] == "100"


async def test_each_choice_of_a_clamped_call_gets_its_share(
    stack: Stack, provider: WatchedProvider
) -> None:
    """Clamp: `n` multiplies the output, so the limit is divided."""
    customer = await stack.customer("20")
    answer = await stack.post(customer, chat(n=3), ENDLESS)
    assert answer.headers["x-credits-max-tokens"] == str(affordable(20_000, choices=3))
    row = await last_usage(stack, customer)
    assert row["outputTokens"] == 3 * affordable(20_000, choices=3)
    assert await stack.balance_mc(customer) >= 0


async def test_a_cheaper_second_quote_gives_back_nothing_that_was_not_held(stack: Stack) -> None:
    """G1: after a clamped call that wrote little, all but its charge is available again."""
    customer = await stack.customer("5")
    answer = await stack.post(customer, chat(), knobs(output_tokens=10))
    charge_mc = mini_charge_mc(QUESTION_TOKENS, 10)
    assert Decimal(answer.headers["x-credits-charged"]) * 1000 == charge_mc
    assert Decimal(answer.headers["x-credits-balance"]) * 1000 == 5000 - charge_mc
    assert (await stack.redis_account(customer))["available"] == str(5000 - charge_mc)


async def test_of_two_limits_the_larger_bounds_the_call(database_url: str, redis_url: str) -> None:
    """Quote: a provider may read either field, so the ceiling covers both."""

    async def answer_both(peer: object) -> None:
        await peer.send(whole(completion(usage=usage(9, 500))))  # type: ignore[attr-defined]

    async with (
        odd_upstream(answer_both) as upstream,
        open_stack(database_url, redis_url, upstream_url=upstream.url) as stack,
    ):
        customer = await stack.customer("100")
        for limits in ((10, 500), (500, 10)):
            fields = dict(zip(("max_tokens", "max_completion_tokens"), limits, strict=True))
            body = chat(**fields)
            answer = await stack.post(customer, body)
            bytes_bound = len(msgspec.json.encode(body)) + 16
            ceiling_mc = Decimal(answer.headers["x-credits-ceiling"]) * 1000
            assert ceiling_mc == mini_charge_mc(bytes_bound, 500)


async def test_a_field_that_the_provider_ignores_is_no_limit(
    database_url: str, redis_url: str, provider: WatchedProvider
) -> None:
    """Quote: only the model's `limit_fields` bound a call; the others do not, however small."""
    field = "max_completion_tokens"
    table = table_with(limit_fields=(field,), limit_field=field)
    async with open_stack(database_url, redis_url, upstream_url=provider.url, table=table) as stack:
        customer = await stack.customer("1000")
        answer = await stack.post(customer, chat(max_tokens=5))
        assert Decimal(answer.headers["x-credits-ceiling"]) * 1000 > 16_384 * 96 // 10


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize(
    ("limit", "code"),
    [(16_385, "invalid_value"), (10**9 + 1, "invalid_value"), (10**30, "invalid_value")],
)
async def test_a_limit_beyond_the_model_is_refused(
    stack: Stack, provider: WatchedProvider, field: str, limit: int, code: str
) -> None:
    """400 naming the field; nothing leaves."""
    customer = await stack.customer("100")
    body = b'{"model":"gpt-4o-mini","messages":[{"role":"user"}],"%s":%d}'
    answer = await stack.post(customer, body % (field.encode(), limit))
    assert answer.status == 400
    error = error_of(await answer.read())
    assert (error["code"], error["param"]) == (code, field)
    await assert_untouched(stack, customer, provider, 100_000)


async def test_simultaneous_clamped_calls_never_spend_what_is_not_there(
    stack: Stack, provider: WatchedProvider
) -> None:
    """G1: each clamped call holds what is left; whatever they write, the balance stays above 0."""
    credits_mc = 20_000
    customer = await stack.customer("20")
    calls = (
        stack.post(customer, chat(stream=number % 2 == 0), ENDLESS | knobs(delay_s=0.05))
        for number in range(40)
    )
    answers = await asyncio.gather(*calls)
    for answer in answers:
        await answer.read()
    admitted = [answer for answer in answers if answer.status == 200]
    assert {answer.status for answer in answers} == {200, 402}
    assert len(provider.requests) == len(admitted)
    held = sum(Decimal(answer.headers["x-credits-ceiling"]) for answer in admitted)
    await stack.assert_books_agree()
    entries = (await stack.get(customer, "/credits/ledger"))["data"]
    assert min(int(entry["balanceAfterMillicredits"]) for entry in entries) >= 0
    spent = -sum(int(entry["amountMillicredits"]) for entry in entries if entry["type"] == "usage")
    assert 0 < spent <= credits_mc
    assert spent <= held * 1000


async def test_calls_for_exactly_what_is_there_are_all_admitted(
    stack: Stack, provider: WatchedProvider
) -> None:
    """G1: with credit for 5 of 30 simultaneous calls, 5 are admitted and 25 get a 402."""
    body = msgspec.json.encode(chat(max_tokens=500))
    ceiling_mc = mini_charge_mc(len(body) + 16, 500)  # the cheap one, which is held if it can be
    customer = await stack.customer(str(Decimal(5 * ceiling_mc + 17) / 1000))
    slow = knobs(delay_s=0.5, output_tokens=500)
    answers = await asyncio.gather(*(stack.post(customer, body, slow) for _ in range(30)))
    statuses = [answer.status for answer in answers]
    assert (statuses.count(200), statuses.count(402)) == (5, 25)
    assert len(provider.requests) == 5
    await stack.assert_books_agree()
