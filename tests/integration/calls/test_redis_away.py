"""G10: without Redis nothing is free and nothing is lost; when it comes back, calls go on."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import openai
import pytest
import redis

from deploy.local.valkey import LocalValkey
from tests.support.calls import (
    QUESTION,
    error_of,
    last_usage,
    mini_charge_mc,
    until,
)
from tests.support.engines import running_valkey
from tests.support.frozen_redis import frozen_redis
from tests.support.odd_upstream import (
    END,
    Peer,
    chunk,
    completion,
    delta,
    event,
    odd_upstream,
    stream_head,
    usage,
    whole,
)
from tests.support.pretend import chat, streamed
from tests.support.raw_client import raw_call
from tests.support.sse_reference import parse_events
from tests.support.stack import Customer, Stack, open_stack
from tests.support.waiting import PATIENT
from tests.support.watched_provider import WatchedProvider

CHARGE_MC = mini_charge_mc(100, 50)
ANSWER = whole(completion(usage=usage(100, 50)))
HELLO = event(delta("Hello"))
REST = event(delta(None, "stop")) + event({"choices": [], "usage": usage(100, 50)})
DONE = event(b"[DONE]")


@pytest.fixture
def valkey() -> Iterator[LocalValkey]:
    """A Valkey of the test's own, to be harmed."""
    with running_valkey() as engine:
        yield engine


class Gate:
    """A provider that waits before the end of each answer until it is let."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def answer(self, peer: Peer) -> None:
        await self.go_on.wait()
        await peer.send(ANSWER)

    async def stream(self, peer: Peer) -> None:
        await peer.send(stream_head(), chunk(HELLO))
        await self.go_on.wait()
        await peer.send(chunk(REST + DONE), END)


def kill(valkey: LocalValkey) -> None:
    """Ends it as a power failure would."""
    assert valkey.pid is not None
    os.kill(valkey.pid, signal.SIGKILL)
    valkey.stop()


async def undelivered(stack: Stack, customer: Customer) -> list[dict[str, str]]:
    """The account's alerts of answers that were not delivered."""
    alerts = (await stack.admin("GET", "/alerts?kind=undelivered"))["data"]
    return [alert for alert in alerts if alert["accountId"] == customer.account_id]


async def assert_listed(stack: Stack, customer: Customer) -> None:
    """There is one alert of an undelivered answer, with its request and amount."""
    row = await last_usage(stack, customer)
    (alert,) = await undelivered(stack, customer)
    assert (alert["requestId"], alert["amountMillicredits"]) == (row["requestId"], str(CHARGE_MC))


async def assert_charged_once(stack: Stack, customer: Customer) -> None:
    """One usage row and one entry, at the charge that was fixed at the first try."""
    await stack.assert_books_agree()
    rows = (await stack.get(customer, "/credits/usage"))["data"]
    assert [row["chargedMillicredits"] for row in rows] == [str(CHARGE_MC)]
    assert await stack.balance_mc(customer) == 1_000_000 - CHARGE_MC


@asynccontextmanager
async def gated_stack(
    database_url: str, valkey: LocalValkey, *, stream: bool, settle_wait_s: float = 0.3
) -> AsyncIterator[tuple[Stack, Gate]]:
    """A stack that withholds the end of an answer for a moment only, where it is not told longer.

    Where Redis is to take the charge after all, it is told longer: a busy machine has it wait.
    """
    gate = Gate()
    async with (
        odd_upstream(gate.stream if stream else gate.answer) as upstream,
        open_stack(
            database_url, valkey.url, upstream_url=upstream.url, settle_wait_s=settle_wait_s
        ) as stack,
    ):
        yield stack, gate


@pytest.mark.parametrize("stream", [False, True])
async def test_without_redis_there_is_no_traffic(
    database_url: str, valkey: LocalValkey, provider: WatchedProvider, *, stream: bool
) -> None:
    """G10: 503 for known and unknown keys; nothing reaches the provider; then all goes on."""
    async with open_stack(database_url, valkey.url, upstream_url=provider.url) as stack:
        customer, stranger = await stack.customer("1000"), await stack.customer("1000")
        assert (await stack.get(customer, "/credits/balance"))["balanceCredits"] == 1000
        kill(valkey)
        for one in (customer, stranger):
            answer = await stack.post(one, chat(stream=stream))
            assert (answer.status, error_of(await answer.read())["code"]) == (
                503,
                "credits_unavailable",
            )
            assert answer.headers["retry-after"]
        async with stack.session.get(f"{stack.url}/readyz") as ready:
            assert ready.status == 503
        valkey.start()
        assert provider.requests == []
        await stack.assert_books_agree()
        assert await stack.balance_mc(customer) == 1_000_000
        answer = await stack.post(customer, chat(stream=stream))
        await answer.read()
        assert answer.status == 200
        await stack.assert_books_agree()


async def test_an_answer_is_withheld_while_its_charge_is_not_confirmed(
    database_url: str, valkey: LocalValkey
) -> None:
    """G3, G10: 503 that the SDK does not repeat; the charge stands once, listed for a refund."""
    async with gated_stack(database_url, valkey, stream=False) as (stack, gate):
        customer = await stack.customer("1000")
        async with stack.sdk(customer, max_retries=3) as client:
            asking = asyncio.create_task(
                client.chat.completions.create(model="gpt-4o-mini", messages=QUESTION)
            )
            await until(lambda: len(stack.server.reservations))
            kill(valkey)
            gate.go_on.set()
            with pytest.raises(openai.InternalServerError) as raised:
                await asking
        assert (raised.value.status_code, raised.value.code) == (503, "settlement_unavailable")
        assert raised.value.response.headers["x-should-retry"] == "false"
        valkey.start()
        await assert_charged_once(stack, customer)
        await assert_listed(stack, customer)


async def test_a_charge_that_redis_heard_of_twice_is_taken_once(
    database_url: str, valkey: LocalValkey
) -> None:
    """G4: a Redis that stood still takes the settlement and all its repetitions as one."""
    async with gated_stack(database_url, valkey, stream=False) as (stack, gate):
        customer = await stack.customer("1000")
        async with raw_call(stack, customer, chat()) as call:
            await until(lambda: len(stack.server.reservations))
            with frozen_redis(valkey.url):
                gate.go_on.set()
                answer = await call.answer()
        assert (answer.status, error_of(answer.body)["code"]) == (503, "settlement_unavailable")
        await until(lambda: not len(stack.server.settlements))
        await assert_charged_once(stack, customer)
        await assert_listed(stack, customer)


@pytest.mark.parametrize("body", [chat(stream=True), streamed()])
async def test_a_streams_end_is_withheld_while_its_charge_is_not_confirmed(
    database_url: str, valkey: LocalValkey, body: dict[str, object]
) -> None:
    """G3, G10: an error event in place of `[DONE]`; the charge stands once, listed."""
    async with gated_stack(database_url, valkey, stream=True) as (stack, gate):
        customer = await stack.customer("1000")
        async with raw_call(stack, customer, body) as call:
            await call.until(HELLO)
            kill(valkey)
            gate.go_on.set()
            answer = await call.answer()
        assert not answer.is_whole
        assert b"[DONE]" not in answer.body
        assert b"prompt_tokens" not in answer.body
        last = parse_events(answer.body)[-1]
        assert error_of((last or "").encode())["code"] == "settlement_unavailable"
        valkey.start()
        await assert_charged_once(stack, customer)
        await assert_listed(stack, customer)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_outlives_a_restart_of_redis(
    database_url: str, valkey: LocalValkey, *, stream: bool
) -> None:
    """G5: killed and started again in mid-call, Redis has the hold, and takes its charge."""
    async with gated_stack(database_url, valkey, stream=stream, settle_wait_s=30) as (stack, gate):
        customer = await stack.customer("1000")
        async with raw_call(stack, customer, chat(stream=stream)) as call:
            await until(lambda: len(stack.server.reservations))
            kill(valkey)
            valkey.start()
            gate.go_on.set()
            answer = await call.answer()
        assert (answer.status, answer.is_whole) == (200, True)
        await assert_charged_once(stack, customer)
        assert await undelivered(stack, customer) == []


async def test_a_failed_call_whose_release_comes_late_is_nobodys_alarm(
    database_url: str, valkey: LocalValkey
) -> None:
    """G10: what is free needs no refund: it is released when Redis is back, and not listed."""
    go_on = asyncio.Event()

    async def fail(_: Peer) -> None:
        await go_on.wait()

    async with (
        odd_upstream(fail) as upstream,
        open_stack(database_url, valkey.url, upstream_url=upstream.url, settle_wait_s=0.1) as stack,
    ):
        customer = await stack.customer("1000")
        async with raw_call(stack, customer, chat()) as call:
            await until(lambda: len(stack.server.reservations))
            kill(valkey)
            go_on.set()
            answer = await call.answer()
        assert (answer.status, error_of(answer.body)["code"]) == (502, "upstream_unreachable")
        valkey.start()
        await stack.assert_books_agree()
        assert await stack.balance_mc(customer) == 1_000_000
        assert await undelivered(stack, customer) == []


async def test_a_reserve_without_an_answer_is_released(
    stack: Stack, redis_url: str, provider: WatchedProvider
) -> None:
    """G4: Redis held the credits, but nobody heard of it: they are given back."""
    customer = await stack.customer("1000")
    assert (await stack.post(customer, chat())).status == 200
    await stack.assert_books_agree()
    before_mc = await stack.balance_mc(customer)
    with frozen_redis(redis_url):
        answer = await stack.post(customer, chat())
        assert (answer.status, error_of(await answer.read())["code"]) == (
            503,
            "credits_unavailable",
        )
    await until(lambda: not len(stack.server.settlements))
    await stack.assert_books_agree()
    assert await stack.balance_mc(customer) == before_mc
    assert len(provider.requests) == 1


async def test_a_redis_without_memory_takes_charges_and_no_holds(
    database_url: str, valkey: LocalValkey
) -> None:
    """G10: with no memory left, calls under way are settled, new ones get 503."""
    async with gated_stack(database_url, valkey, stream=False, settle_wait_s=30) as (stack, gate):
        customer = await stack.customer("1000")
        async with raw_call(stack, customer, chat()) as call:
            await until(lambda: len(stack.server.reservations))
            with redis.Redis.from_url(valkey.url, **PATIENT) as client:
                client.config_set("maxmemory", 1)
                refused = await stack.post(customer, chat())
                assert (refused.status, error_of(await refused.read())["code"]) == (
                    503,
                    "credits_unavailable",
                )
                gate.go_on.set()
                answer = await call.answer()
                assert (answer.status, answer.headers["x-credits-charged"]) == (200, "0.72")
                client.config_set("maxmemory", 0)
        await assert_charged_once(stack, customer)


async def test_an_account_that_redis_has_lost_is_rebuilt_for_its_next_call(
    stack: Stack, redis_url: str
) -> None:
    """Section 5: a Redis without data costs nobody anything."""
    customer = await stack.customer("1000")
    assert (await stack.post(customer, chat(max_tokens=5))).status == 200
    await stack.settled()
    before_mc = await stack.balance_mc(customer)
    with redis.Redis.from_url(redis_url, **PATIENT) as client:
        client.flushall()
    assert await stack.balance_mc(customer) == before_mc
    answer = await stack.post(customer, chat(max_tokens=5))
    assert answer.status == 200
    await stack.assert_books_agree()
    assert await stack.balance_mc(customer) < before_mc
