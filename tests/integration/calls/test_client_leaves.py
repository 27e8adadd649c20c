"""Clients that leave, or stop reading: the real usage is learnt if it comes, else it is counted."""

import asyncio
from typing import Any

import msgspec
import pytest

from tests.support.calls import (
    QUESTION_TOKENS,
    assert_charged,
    assert_free,
    mini_charge_mc,
    tokens_of,
    until,
    until_held,
    upstream_settings,
)
from tests.support.odd_upstream import (
    END,
    Act,
    OddUpstream,
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
from tests.support.raw_client import raw_call, raw_connection, request_bytes
from tests.support.stack import open_stack
from tests.support.waiting import PATIENCE_S

SAID = "This much was said"
HELLO = event(delta(SAID))
COUNTED_MC = mini_charge_mc(QUESTION_TOKENS, tokens_of(SAID))
REPORTED_MC = mini_charge_mc(100, 50)
USAGE = event({"choices": [], "usage": usage(100, 50)})
FINISH = event(delta(None, "stop")) + USAGE + event(b"[DONE]")


class Slow:
    """A provider that says hello, and the rest when it is let."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.was_left = asyncio.Event()

    async def __call__(self, peer: Peer) -> None:
        await peer.send(stream_head(), chunk(HELLO))
        waiting = asyncio.create_task(peer.wait_until_left())
        going = asyncio.create_task(self.go_on.wait())
        await asyncio.wait((waiting, going), return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            self.was_left.set()
            going.cancel()
            return
        await peer.send(chunk(event(delta(" and more")) + FINISH), END)
        await waiting


@pytest.mark.parametrize("body", [chat(stream=True), streamed()])
async def test_a_stream_is_read_on_for_a_client_that_has_left(
    database_url: str, redis_url: str, body: dict[str, Any]
) -> None:
    """Client gone: within `abandoned_drain_s` the real usage comes, and is what is charged."""
    slow = Slow()
    async with (
        odd_upstream(slow) as upstream,
        open_stack(database_url, redis_url, upstream_url=upstream.url) as stack,
    ):
        customer = await stack.customer("1000")
        async with raw_call(stack, customer, body) as call:
            await call.until(HELLO)
            call.leave()
        await asyncio.sleep(1.2)  # long enough for the server to notice
        assert (await stack.redis_account(customer))["held"] != "0"
        slow.go_on.set()
        await assert_charged(stack, customer, REPORTED_MC, basis="provider", status="abandoned")


async def test_what_was_received_is_counted_where_the_rest_takes_too_long(
    database_url: str, redis_url: str
) -> None:
    """Client gone: after `abandoned_drain_s` the provider is left too, and what came is counted."""
    slow = Slow()
    async with (
        odd_upstream(slow) as upstream,
        open_stack(
            database_url, redis_url, upstream_url=upstream.url, abandoned_drain_s=0.1
        ) as stack,
    ):
        customer = await stack.customer("1000")
        async with raw_call(stack, customer, chat(stream=True)) as call:
            await call.until(HELLO)
            call.leave()
        async with asyncio.timeout(PATIENCE_S):
            await slow.was_left.wait()
        await assert_charged(stack, customer, COUNTED_MC, basis="counted", status="abandoned")


async def stay_silent(peer: Peer) -> None:
    await peer.wait_until_left()


async def begin_and_stay_silent(peer: Peer) -> None:
    await peer.send(stream_head())
    await peer.wait_until_left()


@pytest.mark.parametrize("act", [stay_silent, begin_and_stay_silent])
async def test_leaving_a_silent_stream_costs_the_question(
    database_url: str, redis_url: str, act: Act
) -> None:
    """Client gone: the provider has read the question; no answer is waited for for ever."""
    async with (
        odd_upstream(act) as upstream,
        open_stack(
            database_url, redis_url, upstream_url=upstream.url, abandoned_drain_s=0.1
        ) as stack,
    ):
        customer = await stack.customer("1000")
        async with raw_call(stack, customer, chat(stream=True)) as call:
            await until(lambda: upstream.requests)
            call.leave()
        charge_mc = mini_charge_mc(QUESTION_TOKENS, 0)
        await assert_charged(stack, customer, charge_mc, basis="counted", status="abandoned")


async def test_leaving_a_stream_that_then_fails_is_free(database_url: str, redis_url: str) -> None:
    """Client gone: a provider that refuses later has still done nothing."""
    left = asyncio.Event()

    async def refuse_later(peer: Peer) -> None:
        await left.wait()
        await peer.send(whole(b'{"error":{"message":"no"}}', status=500))

    async with (
        odd_upstream(refuse_later) as upstream,
        open_stack(database_url, redis_url, upstream_url=upstream.url) as stack,
    ):
        customer = await stack.customer("1000")
        async with raw_call(stack, customer, chat(stream=True)) as call:
            await until(lambda: upstream.requests)
            call.leave()
        await asyncio.sleep(1.2)  # long enough for the server to notice
        left.set()
        await assert_free(stack, customer, 1_000_000)


@pytest.mark.parametrize("padding", [0, 2_000_000])
async def test_an_answer_is_awaited_for_a_client_that_has_left(
    database_url: str, redis_url: str, padding: int
) -> None:
    """Client gone: an answer that is no stream comes whole or not at all; it is charged as told."""
    left = asyncio.Event()

    async def answer_later(peer: Peer) -> None:
        await left.wait()
        await peer.send(whole(completion(usage=usage(100, 50), padding="x" * padding)))

    async with (
        odd_upstream(answer_later) as upstream,
        open_stack(
            database_url, redis_url, upstream_url=upstream.url, abandoned_drain_s=0.1
        ) as stack,
    ):
        customer = await stack.customer("1000")
        async with raw_call(stack, customer, chat()) as call:
            await until(lambda: upstream.requests)
            call.leave()
        await asyncio.sleep(1.2)  # longer than a stream would be drained
        left.set()
        await assert_charged(stack, customer, REPORTED_MC, basis="provider", status="completed")


async def test_a_provider_that_never_answers_a_client_that_left_is_given_up(
    database_url: str, redis_url: str
) -> None:
    """Client gone: a call's own timeout ends it, free."""
    async with odd_upstream(stay_silent) as upstream:
        settings = upstream_settings(upstream.url, read_timeout_s=0.3)
        async with open_stack(database_url, redis_url, upstreams=settings) as stack:
            customer = await stack.customer("1000")
            async with raw_call(stack, customer, chat()) as call:
                await until_held(stack, customer)
                call.leave()
            await assert_free(stack, customer, 1_000_000)


LARGE = [event(delta("word " * 2000)) for _ in range(1200)]  # 12 MB, more than sockets take


async def stream_a_lot(peer: Peer) -> None:
    await peer.send(stream_head(), *(chunk(piece) for piece in LARGE), chunk(FINISH), END)


async def answer_a_lot(peer: Peer) -> None:
    await peer.send(whole(completion(usage=usage(100, 50), padding="x" * 12_000_000)))


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_stops_reading_is_taken_for_gone(
    database_url: str, redis_url: str, *, stream: bool
) -> None:
    """Client gone: after `client_timeout_s` without taking a piece; the rest is read, charged."""
    async with (
        odd_upstream(stream_a_lot if stream else answer_a_lot) as upstream,
        open_stack(database_url, redis_url, upstream_url=upstream.url, client_timeout_s=1) as stack,
    ):
        customer = await stack.customer("1000")
        async with raw_connection(stack.url, buffer_bytes=4096) as call:
            await call.send(request_bytes(customer, chat(stream=stream, max_tokens=16_000)))
            await until(lambda: upstream.requests)
            status = "abandoned" if stream else "completed"
            row = await assert_charged(
                stack, customer, REPORTED_MC, basis="provider", status=status
            )
            assert row["outputTokens"] == 50
            answer = await call.answer()
            assert not answer.is_whole


async def test_many_that_leave_at_once_leave_nothing_behind(
    database_url: str, redis_url: str
) -> None:
    """G4: each call ends once, at any moment of its leaving."""
    slow = Slow()
    slow.go_on.set()
    async with (
        odd_upstream(slow) as upstream,
        open_stack(database_url, redis_url, upstream_url=upstream.url) as stack,
    ):
        customer = await stack.customer("10000")

        async def leave_after(wait_s: float) -> None:
            async with raw_call(stack, customer, chat(stream=True)) as call:
                await asyncio.sleep(wait_s)
                call.leave()

        await asyncio.gather(*(leave_after(number / 1000) for number in range(40)))
        assert await stack.server.in_flight.wait_until_empty(PATIENCE_S)
        await stack.assert_books_agree()
        await assert_ended_once(upstream, await stack.get(customer, "/credits/usage?limit=100"))


async def assert_ended_once(upstream: OddUpstream, usage_page: dict[str, Any]) -> None:
    """Every request that reached the provider has one row, at its real charge or counted."""
    rows = usage_page["data"]
    charged = [row for row in rows if row["chargedMillicredits"] != "0"]
    assert len(charged) == len(upstream.requests)
    assert len({row["requestId"] for row in rows}) == len(rows)
    known = {str(REPORTED_MC), str(COUNTED_MC), str(mini_charge_mc(QUESTION_TOKENS, 0))}
    assert {row["chargedMillicredits"] for row in charged} <= known
    assert all(msgspec.json.decode(request.body)["stream"] for request in upstream.requests)
