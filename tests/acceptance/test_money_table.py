"""The money table against a running stack, as a customer with the official SDK sees it."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import openai
import pytest

from tests.support.engine_checks import eventually
from tests.support.engines import reachable_folder
from tests.support.live_books import open_books
from tests.support.live_clients import customer_of
from tests.support.live_family import alarms
from tests.support.pretend import knobs
from tests.support.stack import Customer
from tests.support.up import Up, running_up

# Model, tokens in, tokens out, millicredits.
MONEY_TABLE = [
    ("gpt-4o-mini", 1_000, 1_000, 12_000),
    ("gpt-4o", 10_000, 2_000, 360_000),
    ("gpt-4o-mini", 750, 200, 3_720),
]


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    """A stack as a newcomer starts it."""
    with reachable_folder() as folder, running_up(folder / "state") as up:
        yield up


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("row", MONEY_TABLE)
async def test_a_call_costs_what_the_table_says_and_all_numbers_agree(
    up: Up, row: tuple[str, int, int, int], stream: bool
) -> None:
    """Money: answer, usage, ledger and balance agree to the millicredit."""
    model, input_tokens, output_tokens, charge_mc = row
    customer = customer_of(up, "1000")
    call = {
        "model": model,
        "messages": [{"role": "user", "content": "Say something."}],
        "max_tokens": output_tokens,
        "extra_headers": knobs(input_tokens=input_tokens, output_tokens=output_tokens),
    }
    async with openai.AsyncOpenAI(base_url=up.dev["base_url"], api_key=customer.key) as client:
        charged_mc = await (charge_of_a_stream if stream else charge_of_an_answer)(client, call)
    assert charged_mc == charge_mc

    await asyncio.to_thread(eventually, lambda: bool(shown(up, customer, "/usage")["data"]))
    [usage] = shown(up, customer, "/usage")["data"]
    assert usage["chargedMillicredits"] == str(charge_mc)
    assert (usage["status"], usage["basis"]) == ("completed", "provider")
    entry, granted = shown(up, customer, "/ledger")["data"]
    assert (granted["type"], entry["type"]) == ("grant", "usage")
    assert entry["ref"] == usage["requestId"]
    assert entry["amountMillicredits"] == str(-charge_mc)
    balance = shown(up, customer, "/balance")
    assert balance["balanceMillicredits"] == str(1_000_000 - charge_mc)
    assert entry["balanceAfterMillicredits"] == balance["balanceMillicredits"]
    async with open_books(up.dev) as books:
        await books.assert_agree()
    assert alarms(up.said) == []


async def charge_of_an_answer(client: openai.AsyncOpenAI, call: dict[str, Any]) -> int:
    """What the header of an answer says, in millicredits."""
    answer = await client.chat.completions.with_raw_response.create(**call)
    assert answer.parse().choices
    return int(Decimal(answer.headers["x-credits-charged"]) * 1000)


async def charge_of_a_stream(client: openai.AsyncOpenAI, call: dict[str, Any]) -> int:
    """What the usage chunk of a stream says, in millicredits."""
    options = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = [chunk async for chunk in await client.chat.completions.create(**call, **options)]
    return int(chunks[-1].usage.model_extra["credits_charged_millicredits"])


def shown(up: Up, customer: Customer, what: str) -> Any:
    """What the customer's API says."""
    return up.api.expect("GET", f"/v1/credits{what}", token=customer.key)
