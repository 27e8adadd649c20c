"""G1 as clients meet it: hundreds of calls at the same moment, two workers, credit for some."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest

from tests.support.engine_checks import eventually
from tests.support.engines import reachable_folder
from tests.support.gated_provider import (
    CHARGE_MC,
    GATE,
    running_beside,
    running_provider,
)
from tests.support.live_books import Books, LowestBalance, open_books
from tests.support.live_clients import Answer, ask, customer_of, question
from tests.support.live_family import alarms, logged, workers
from tests.support.pretend import knobs
from tests.support.stack import Customer
from tests.support.up import Up, running_up
from tests.support.waiting import until

CALLS = 500
AFFORDABLE = 37
LIMITED = question(max_tokens=200)


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    """Two workers in front of the pretend provider."""
    with reachable_folder() as folder, running_up(folder / "state", TOLLGATE_WORKERS="2") as up:
        yield up


async def test_with_credit_for_37_of_500_simultaneous_calls_37_are_admitted(state: Path) -> None:
    """G1: each call is still under way when the last one asks."""
    async with (
        running_provider() as provider,
        running_beside(provider, state, TOLLGATE_WORKERS="2") as up,
    ):
        ceiling_mc = await ceiling_of_one_call(up)
        customer = customer_of(up, credits_of(AFFORDABLE * ceiling_mc))
        balance = LowestBalance(up.dev["redis_url"], [customer.account_id])
        refused: list[Answer] = []
        async with balance.watched(), each_on_its_own_connection() as session:

            async def call() -> Answer:
                answer = await ask(session, up.dev["base_url"], customer, LIMITED, {GATE: "all"})
                if not answer.is_complete:
                    refused.append(answer)
                return answer

            calls = [asyncio.create_task(call()) for _ in range(CALLS)]
            await until(
                lambda: len(refused) + provider.calls["all"] >= CALLS,
                "each call has been admitted or refused",
            )
            assert Counter(answer.error for answer in refused) == {
                "insufficient_credits": CALLS - AFFORDABLE
            }
            await until(
                lambda: balance.lowest_mc is not None and balance.lowest_mc <= 0, "all held"
            )
            assert len(workers(up)) == 2
            provider.open("all")
            answers = await asyncio.gather(*calls)

        assert Counter((answer.status, answer.error) for answer in answers) == {
            (200, None): AFFORDABLE,
            (402, "insufficient_credits"): CALLS - AFFORDABLE,
        }
        assert provider.calls["all"] == AFFORDABLE
        assert balance.lowest_mc == 0
        admitted = [answer for answer in answers if answer.is_complete]
        assert {answer.charge_mc for answer in admitted} == {CHARGE_MC}
        async with open_books(up.dev) as books:
            await books.assert_agree()
            await books.assert_charged(admitted)
            left_mc = AFFORDABLE * (ceiling_mc - CHARGE_MC)
            assert (await books.in_redis(customer.account_id))["available"] == left_mc
        assert alarms(up.said) == []


@pytest.mark.parametrize("body", [LIMITED, question()], ids=["limited", "clamped"])
async def test_however_calls_and_charges_mix_no_more_is_spent_than_was_funded(
    up: Up, body: dict[str, Any]
) -> None:
    """G1: answers come at once, so that what they give back is taken by other calls."""
    funded_mc = AFFORDABLE * await ceiling_of_one_call(up)
    customer = customer_of(up, credits_of(funded_mc))
    balance = LowestBalance(up.dev["redis_url"], [customer.account_id])
    async with balance.watched(), each_on_its_own_connection() as session:
        answers = await asyncio.gather(
            *(
                ask(session, up.dev["base_url"], customer, body, knobs(output_tokens=number % 200))
                for number in range(CALLS)
            )
        )
    assert {answer.error for answer in answers} == {None, "insufficient_credits"}
    admitted = [answer for answer in answers if answer.is_complete]
    assert len(admitted) + sum(answer.status == 402 for answer in answers) == CALLS
    spent_mc = sum(answer.charge_mc or 0 for answer in admitted)
    assert 0 < spent_mc <= funded_mc
    assert balance.looks > 0
    assert balance.lowest_mc is not None
    assert balance.lowest_mc >= 0
    async with open_books(up.dev) as books:
        await books.assert_agree()
        await books.assert_charged(admitted)
        in_redis = await books.in_redis(customer.account_id)
        assert in_redis["available"] == funded_mc - spent_mc
    assert alarms(up.said) == []


async def test_calls_of_a_limited_key_over_two_workers_never_pass_its_limit(up: Up) -> None:
    """G1: the account has credits for all, the key for some; what they give back others take."""
    limit_mc = AFFORDABLE * await ceiling_of_one_call(up)
    customer = customer_of(up, "100000")
    path, token = f"/admin/keys/{customer.key_id}", up.dev["admin_token"]
    body = {"monthlyLimitCredits": credits_of(limit_mc)}
    await asyncio.to_thread(up.api.expect, "PATCH", path, token=token, body=body)
    async with open_books(up.dev) as books, each_on_its_own_connection() as session:
        async with watched_spending(books, customer) as seen_mc:
            answers = await asyncio.gather(
                *(
                    ask(
                        *(session, up.dev["base_url"], customer, LIMITED),
                        knobs(output_tokens=n % 200),
                    )
                    for n in range(CALLS)
                )
            )
        assert {answer.error for answer in answers} == {None, "key_limit_exceeded"}
        admitted = [answer for answer in answers if answer.is_complete]
        spent_mc = sum(answer.charge_mc or 0 for answer in admitted)
        assert 0 < spent_mc <= limit_mc
        assert max(seen_mc) <= limit_mc
        await books.assert_agree()
        await books.assert_charged(admitted)
        assert await books.spent_mc(customer.account_id, customer.key_id) == spent_mc
    assert len(workers(up)) == 2
    assert alarms(up.said) == []


@asynccontextmanager
async def watched_spending(books: Books, customer: Customer) -> AsyncIterator[list[int]]:
    """What Redis has counted of the key's limit, noted as often as it goes."""
    seen_mc: list[int] = []
    stopping = asyncio.Event()

    async def watch() -> None:
        while not stopping.is_set():
            seen_mc.append(await books.spent_mc(customer.account_id, customer.key_id))
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    try:
        yield seen_mc
    finally:
        # Not cancelled: a connection that is cut off in the middle of an answer is of no use then.
        stopping.set()
        await watching


async def test_the_sdk_raises_a_402_once_and_does_not_try_again(up: Up) -> None:
    """Out of credits: the official SDK, with its own retries, asks once."""
    customer = customer_of(up, "0.001")
    sent: list[object] = []

    async def note(request: object) -> None:
        sent.append(request)

    transport = openai.DefaultAsyncHttpxClient(event_hooks={"request": [note]})
    async with openai.AsyncOpenAI(
        base_url=up.dev["base_url"], api_key=customer.key, http_client=transport
    ) as client:
        assert client.max_retries == 2
        with pytest.raises(openai.APIStatusError) as caught:
            await client.chat.completions.create(**LIMITED)
    assert caught.value.status_code == 402
    assert caught.value.code == "insufficient_credits"
    assert len(sent) == 1
    await asyncio.to_thread(eventually, lambda: bool(logged_calls(up, customer)))
    assert logged_calls(up, customer) == [402]


async def ceiling_of_one_call(up: Up) -> int:
    """What is held for a call of this kind, in millicredits; of another account."""
    async with each_on_its_own_connection() as session:
        url, rich = f"{up.dev['base_url']}/chat/completions", customer_of(up, "1000")
        async with session.post(url, json=LIMITED, headers=rich.auth) as answer:
            whole, _, part = answer.headers["x-credits-ceiling"].partition(".")
    return int(whole) * 1000 + int(part.ljust(3, "0"))


def credits_of(amount_mc: int) -> str:
    """An amount as operators write it."""
    return f"{amount_mc // 1000}.{amount_mc % 1000:03d}"


def each_on_its_own_connection() -> aiohttp.ClientSession:
    """A session without a limit, that uses no connection twice."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True))


def logged_calls(up: Up, customer: Customer) -> list[int]:
    """The statuses of all calls that the workers have logged for an account."""
    lines = logged(up.said, "request")
    return [line["status"] for line in lines if line["account_id"] == customer.account_id]
