"""What tests of calls look at: what was charged, what is held, what reached the provider."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from config.rates import RateTable
from config.settings import UpstreamSettings
from tests.support.odd_upstream import OddUpstream
from tests.support.rates import shipped_table
from tests.support.stack import COUNTER, Customer, Stack
from tests.support.waiting import PATIENCE_S
from tests.support.watched_provider import WatchedProvider

ENCODING = "o200k_base"
QUESTION = [{"role": "user", "content": "Say something."}]
# Three tokens for the message, its role, its text, three for the reply.
QUESTION_TOKENS = 3 + COUNTER.count_all(ENCODING, ("user", "Say something.")) + 3


def tokens_of(*texts: str) -> int:
    """Tokens of texts, counted one by one."""
    return COUNTER.count_all(ENCODING, texts)


def mini_charge_mc(input_tokens: int, output_tokens: int) -> int:
    """What gpt-4o-mini costs: 2.4 and 9.6 millicredits a token, rounded up once."""
    return -(-(input_tokens * 24 + output_tokens * 96) // 10)


def upstream_settings(url: str, **changes: float) -> dict[str, UpstreamSettings]:
    """The upstream `openai` with other timeouts than usual."""
    return {"openai": UpstreamSettings(base_url=url, api_key_env="OPENAI_API_KEY", **changes)}


async def last_usage(stack: Stack, customer: Customer) -> dict[str, Any]:
    """The newest usage row, once everything is written."""
    await stack.settled()
    rows = (await stack.get(customer, "/credits/usage"))["data"]
    assert rows, "no usage row"
    row: dict[str, Any] = rows[0]
    return row


async def assert_free(stack: Stack, customer: Customer, credits_mc: int) -> None:
    """The last call failed: it has its row, it cost nothing, nothing is held."""
    row = await last_usage(stack, customer)
    assert (row["status"], row["basis"], row["chargedMillicredits"]) == ("failed", "none", "0")
    assert row["units"] == {}
    assert await stack.balance_mc(customer) == credits_mc
    await stack.assert_books_agree()


async def assert_untouched(
    stack: Stack, customer: Customer, provider: WatchedProvider | OddUpstream, credits_mc: int
) -> None:
    """Nothing was asked of the provider, nothing held, nothing charged, nothing written."""
    assert provider.requests == []
    balance = await stack.get(customer, "/credits/balance")
    told = [balance[f"{name}Millicredits"] for name in ("available", "held", "unwritten")]
    assert told == [str(credits_mc), "0", "0"]
    await stack.settled()
    assert (await stack.get(customer, "/credits/usage"))["data"] == []


async def assert_charged(
    stack: Stack, customer: Customer, charge_mc: int, *, basis: str, status: str
) -> dict[str, Any]:
    """The last call's row says so, and the books agree."""
    row = await last_usage(stack, customer)
    told = (row["status"], row["basis"], row["chargedMillicredits"])
    assert told == (status, basis, str(charge_mc)), row
    await stack.assert_books_agree()
    return row


async def until(holds: Callable[[], object]) -> None:
    """Waits until something holds that is under way."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - looks at what others change
            await asyncio.sleep(0.01)


async def until_held(stack: Stack, customer: Customer) -> dict[str, str]:
    """Waits until a call of the account is under way; its account in Redis then."""
    async with asyncio.timeout(PATIENCE_S):
        account = await stack.redis_account(customer)
        while account.get("held", "0") == "0":
            await asyncio.sleep(0.01)
            account = await stack.redis_account(customer)
    return account


def error_of(content: bytes) -> dict[str, Any]:
    """The error of an envelope, which has the fields that OpenAI's SDKs read."""
    error: dict[str, Any] = msgspec.json.decode(content)["error"]
    assert {"message", "type", "param", "code"} <= set(error)
    assert error["message"]
    return error


def table_with(model: str = "gpt-4o-mini", **changes: object) -> RateTable:
    """The shipped rates, with one model changed."""
    table = shipped_table()
    changed = msgspec.structs.replace(table.models[model], **changes)
    return msgspec.structs.replace(table, models={**table.models, model: changed})
