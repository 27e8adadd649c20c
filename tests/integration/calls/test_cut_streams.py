"""Streams that break off after they began: seen by the client, and charged for what was said."""

import json
from typing import Any

import openai
import pytest

from proxy.relay import sse
from tests.support.calls import (
    QUESTION,
    QUESTION_TOKENS,
    assert_charged,
    mini_charge_mc,
    table_with,
    tokens_of,
)
from tests.support.odd_stack import ask, last_error, odd_stack
from tests.support.odd_upstream import (
    END,
    Act,
    Peer,
    chunk,
    delta,
    event,
    stream_head,
    usage,
)
from tests.support.pretend import chat, knobs, streamed
from tests.support.stack import Stack
from tests.support.waiting import give_turns

SAID = "This much was said"
HELLO = event(delta(SAID))
COUNTED_MC = mini_charge_mc(QUESTION_TOKENS, tokens_of(SAID))


@pytest.mark.parametrize("fault", ["cut_after", "reset_after", "error_after"])
async def test_the_sdk_raises_where_a_stream_is_cut(stack: Stack, fault: str) -> None:
    """Cut: what was delivered is charged by count; no client takes it for whole."""
    customer = await stack.customer("1000")
    received = ""
    async with stack.sdk(customer) as client:
        stream = await client.chat.completions.create(
            model="gpt-4o-mini",
            messages=QUESTION,
            stream=True,
            extra_headers=knobs(output_tokens=50, **{fault: 21}),
        )
        with pytest.raises(openai.APIError):  # noqa: PT012 - what comes before it counts
            async for part in stream:
                received += part.choices[0].delta.content or ""
    assert 0 < tokens_of(received) <= 20
    charge_mc = mini_charge_mc(QUESTION_TOKENS, tokens_of(received))
    await assert_charged(stack, customer, charge_mc, basis="counted", status="cut")


async def close_cleanly(peer: Peer) -> None:
    await peer.send(stream_head(), chunk(HELLO), END)


async def close_in_an_event(peer: Peer) -> None:
    await peer.send(stream_head(), chunk(HELLO + b'data: {"choices":[{"del'), END)


async def leave_the_framing_open(peer: Peer) -> None:
    await peer.send(stream_head(), chunk(HELLO))


async def reset(peer: Peer) -> None:
    await peer.send(stream_head(), chunk(HELLO))
    await peer.reset()


async def break_the_framing(peer: Peer) -> None:
    await peer.send(stream_head(), chunk(HELLO))
    await give_turns()  # what was sent is read first
    await peer.send(b"no length at all\r\n")


async def fall_silent(peer: Peer) -> None:
    await peer.send(stream_head(), chunk(HELLO))
    await peer.wait_until_left()


async def never_end_an_event(peer: Peer) -> None:
    await peer.send(stream_head(), chunk(HELLO))
    await give_turns()  # what was sent is read first
    await peer.send(chunk(b"data: " + b"x" * 5000))
    await peer.wait_until_left()


CUTS = [
    close_cleanly,
    close_in_an_event,
    leave_the_framing_open,
    reset,
    break_the_framing,
    fall_silent,
    never_end_an_event,
]


@pytest.mark.parametrize("act", CUTS)
@pytest.mark.parametrize("body", [chat(stream=True), streamed()])
async def test_a_cut_stream_ends_in_an_error_and_not_in_good_order(
    database_url: str,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    act: Act,
    body: dict[str, Any],
) -> None:
    """Cut: an error event, then a break; charged is what was delivered, counted."""
    monkeypatch.setattr(sse, "LARGEST_EVENT", 4000)
    async with odd_stack(database_url, redis_url, act, read_timeout_s=1) as stack:
        customer = await stack.customer("1000")
        answer = await ask(stack, customer, body)
        assert (answer.status, answer.is_whole) == (200, False)
        assert answer.body.startswith(HELLO)
        assert last_error(answer)["code"] == "upstream_cut"
        row = await assert_charged(stack, customer, COUNTED_MC, basis="counted", status="cut")
        assert row["outputTokens"] == tokens_of(SAID)


async def test_what_was_reported_before_a_cut_is_charged(database_url: str, redis_url: str) -> None:
    """Cut: a provider that tells its usage on the way is believed."""

    async def act(peer: Peer) -> None:
        await peer.send(stream_head(), chunk(event(delta(SAID, usage=usage(100, 50)))), END)

    async with odd_stack(database_url, redis_url, act) as stack:
        customer = await stack.customer("1000")
        assert not (await ask(stack, customer, streamed())).is_whole
        charge_mc = mini_charge_mc(100, 50)
        await assert_charged(stack, customer, charge_mc, basis="provider", status="cut")


async def test_an_error_in_mid_stream_reaches_the_client(database_url: str, redis_url: str) -> None:
    """Cut: the provider's own error passes, and nothing after it; what was said is charged."""
    broken = event({"error": {"message": "overloaded", "type": "x", "param": None, "code": None}})

    async def act(peer: Peer) -> None:
        late = event(delta("late")) + event(b"[DONE]")
        await peer.send(stream_head(), chunk(HELLO + broken + late), END)

    async with odd_stack(database_url, redis_url, act) as stack:
        customer = await stack.customer("1000")
        assert (await ask(stack, customer, chat(stream=True))).body == HELLO + broken
        await assert_charged(stack, customer, COUNTED_MC, basis="counted", status="cut")


async def test_a_choice_that_was_cut_is_a_cut(database_url: str, redis_url: str) -> None:
    """Cut: of two choices one has finished: no clean end, and both are counted."""

    async def act(peer: Peer) -> None:
        finished = event(delta(SAID, "stop"))
        half = json.dumps({"choices": [{"index": 1, "delta": {"content": SAID}}]}).encode()
        await peer.send(stream_head(), chunk(event(half) + finished), END)

    async with odd_stack(database_url, redis_url, act) as stack:
        customer = await stack.customer("1000")
        answer = await ask(stack, customer, chat(stream=True, n=2))
        assert not answer.is_whole
        assert last_error(answer)["code"] == "upstream_cut"
        charge_mc = mini_charge_mc(QUESTION_TOKENS, 2 * tokens_of(SAID))
        await assert_charged(stack, customer, charge_mc, basis="counted", status="cut")


async def test_hidden_reasoning_of_a_cut_stream_is_charged_at_its_ceiling(
    database_url: str, redis_url: str
) -> None:
    """Cut: what was thought and not shown can't be known, so it may have been the most."""
    table = table_with(hidden_reasoning=True)
    async with odd_stack(database_url, redis_url, close_cleanly, table=table) as stack:
        customer = await stack.customer("1000")
        await ask(stack, customer, chat(stream=True, max_tokens=500))
        charge_mc = mini_charge_mc(QUESTION_TOKENS, 500)
        await assert_charged(stack, customer, charge_mc, basis="ceiling", status="cut")


async def test_without_a_tokenizer_a_cut_stream_is_estimated(
    database_url: str, redis_url: str
) -> None:
    """Cut: bytes / 4, where tokens cannot be counted."""
    table = table_with(tokenizer=None)
    async with odd_stack(database_url, redis_url, close_cleanly, table=table) as stack:
        customer = await stack.customer("1000")
        body = chat(stream=True)
        await ask(stack, customer, body)
        input_tokens = -(-len(json.dumps(body)) // 4)
        charge_mc = mini_charge_mc(input_tokens, -(-len(SAID) // 4))
        await assert_charged(stack, customer, charge_mc, basis="estimated", status="cut")
