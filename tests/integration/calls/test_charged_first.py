"""G3: whoever has the end of an answer has been charged for it."""

import asyncio
import json

import pytest
import redis

from ledger.redis_keys import account_keys
from tests.support.calls import mini_charge_mc, until
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
from tests.support.pretend import chat, knobs, streamed
from tests.support.raw_client import raw_call
from tests.support.stack import Customer, Stack, open_stack
from tests.support.waiting import PATIENT

CHARGE_MC = mini_charge_mc(100, 50)
REPORTED = knobs(input_tokens=100, output_tokens=50)


class Onlooker:
    """Asks Redis on a connection of its own, without giving the server a moment to go on."""

    def __init__(self, redis_url: str) -> None:
        self._redis = redis.Redis.from_url(redis_url, decode_responses=True, **PATIENT)

    def account(self, customer: Customer) -> tuple[int, int]:
        """What is held, and what is available."""
        found = self._redis.hgetall(account_keys(customer.account_id).account)
        return int(found["held"]), int(found["available"])


@pytest.mark.parametrize("body", [chat(stream=True), streamed()])
@pytest.mark.parametrize("shape", [{}, {"split": 1}, {"chunk_delay_s": 0.001}, {"no_done": 1}])
async def test_at_the_end_of_a_stream_its_charge_is_in_redis(
    stack: Stack, redis_url: str, shape: dict[str, float], body: dict[str, object]
) -> None:
    """G3: the moment in which `[DONE]`, or the end of the framing, is seen."""
    customer = await stack.customer("1000")
    onlooker = Onlooker(redis_url)
    async with raw_call(stack, customer, body, REPORTED | knobs(**shape)) as call:
        await call.until(b"\r\n0\r\n\r\n" if "no_done" in shape else b"data: [DONE]")
        assert onlooker.account(customer) == (0, 1_000_000 - CHARGE_MC)


@pytest.mark.parametrize("size", [0, 2_000_000])
async def test_at_the_last_byte_of_an_answer_its_charge_is_in_redis(
    stack: Stack, redis_url: str, size: int
) -> None:
    """G3: also where the answer is too large to be held."""
    customer = await stack.customer("1000")
    onlooker = Onlooker(redis_url)
    async with raw_call(stack, customer, chat(), REPORTED | knobs(huge=size)) as call:
        await call.until(b'"system_fingerprint":"fp_pretend"}')
        assert onlooker.account(customer) == (0, 1_000_000 - CHARGE_MC)


FINISH = event(delta(None, "stop"))
LARGE = completion(padding="x" * 2_000_000, usage=usage(100, 50))


@pytest.mark.parametrize("wants_usage", [False, True])
@pytest.mark.parametrize("has_done", [False, True])
async def test_no_stream_ends_before_it_is_settled(
    database_url: str, redis_url: str, *, wants_usage: bool, has_done: bool
) -> None:
    """G3: while Redis takes no settlement, a client has all but the end, and waits for it."""
    go_on = asyncio.Event()
    last = event({"choices": [], "usage": usage(100, 50)}) + event(b"[DONE]") * has_done

    async def act(peer: Peer) -> None:
        await peer.send(stream_head(), chunk(event(delta("Hello"))))
        await go_on.wait()
        await peer.send(chunk(FINISH + last), END)

    async with (
        odd_upstream(act) as upstream,
        open_stack(database_url, redis_url, upstream_url=upstream.url) as stack,
    ):
        customer = await stack.customer("1000")
        body = streamed() if wants_usage else chat(stream=True)
        async with raw_call(stack, customer, body) as call:
            await call.until(b"Hello")
            with frozen_redis(redis_url):
                go_on.set()
                await call.until(b'"finish_reason": "stop"')
                await asyncio.sleep(0.2)  # time in which an end could come too early
                assert b"[DONE]" not in call.received
                assert b'"prompt_tokens"' not in call.received
                assert not call.received.endswith(b"0\r\n\r\n")
            answer = await call.answer()
        assert answer.is_whole
        assert (b"[DONE]" in answer.body) == has_done
        await stack.assert_books_agree()


@pytest.mark.parametrize("body", [completion(usage=usage(100, 50)), LARGE], ids=["held", "large"])
async def test_no_answer_ends_before_it_is_settled(
    database_url: str, redis_url: str, body: bytes
) -> None:
    """G3: of an answer that is held not a byte comes; of a larger one, all but the last block."""
    go_on = asyncio.Event()

    async def act(peer: Peer) -> None:
        await go_on.wait()
        await peer.send(whole(body))

    async with (
        odd_upstream(act) as upstream,
        open_stack(database_url, redis_url, upstream_url=upstream.url) as stack,
    ):
        customer = await stack.customer("1000")
        async with raw_call(stack, customer, chat()) as call:
            await until(lambda: upstream.requests)
            reading = asyncio.create_task(call.answer())
            with frozen_redis(redis_url):
                go_on.set()
                await asyncio.sleep(0.5)  # time in which an end could come too early
                assert b'"prompt_tokens"' not in call.received
                assert not reading.done()
            answer = await reading
        assert json.loads(answer.body) == json.loads(body)
        await stack.assert_books_agree()
