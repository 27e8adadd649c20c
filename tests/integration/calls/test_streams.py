"""Streams that go well: what the client sees, and what it is charged."""

import json
from typing import Any

import pytest

from tests.support.calls import (
    QUESTION,
    QUESTION_TOKENS,
    assert_charged,
    mini_charge_mc,
    tokens_of,
)
from tests.support.odd_upstream import (
    END,
    Peer,
    chunk,
    delta,
    event,
    odd_upstream,
    stream_head,
    usage,
)
from tests.support.pretend import chat, knobs, streamed
from tests.support.raw_client import RawAnswer, raw_call
from tests.support.sse_reference import parse_events
from tests.support.stack import Customer, Stack, open_stack
from tests.support.watched_provider import WatchedProvider

DONE = event(b"[DONE]")
USAGE = event({"choices": [], "usage": usage(100, 50)})
CHARGE_MC = mini_charge_mc(100, 50)


async def ask(stack: Stack, customer: Customer, body: object, **turned: float) -> RawAnswer:
    """A whole answer, as it came over the wire."""
    async with raw_call(stack, customer, body, knobs(**turned)) as call:
        answer = await call.answer()
    assert (answer.status, answer.is_whole) == (200, True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-request-id"]
    assert answer.headers["x-credits-ceiling"]
    assert "x-credits-charged" not in answer.headers
    return answer


def chunks_of(answer: RawAnswer) -> list[dict[str, Any]]:
    """The chunks of a stream, without `[DONE]`, which must be there."""
    *chunks, done = parse_events(answer.body)
    assert done == "[DONE]"
    return [json.loads(chunk) for chunk in chunks if chunk is not None]


SHAPES: list[dict[str, float]] = [
    {},
    {"crlf": 1},
    {"split": 1},
    {"split": 1, "crlf": 1},
    {"gzip": 1},
    {"chunk_delay_s": 0.001},
    {"usage_in_last_content": 1},
]


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_client_that_wants_usage_gets_it_with_the_charge(
    stack: Stack, shape: dict[str, float]
) -> None:
    """Section 7: the charge is in the usage chunk, as a number and as exact text."""
    customer = await stack.customer("1000")
    answer = await ask(stack, customer, streamed(), input_tokens=1000, output_tokens=40, **shape)
    with_usage = [chunk for chunk in chunks_of(answer) if chunk.get("usage")]
    assert len(with_usage) == 1
    assert with_usage[0]["usage"]["completion_tokens"] == 40
    assert with_usage[0]["usage"]["credits_charged"] == 2.784
    assert with_usage[0]["usage"]["credits_charged_millicredits"] == "2784"
    assert b'"credits_charged":2.784,' in answer.body
    await assert_charged(stack, customer, 2784, basis="provider", status="completed")


@pytest.mark.parametrize("options", [{}, {"stream_options": {"include_usage": False}}])
@pytest.mark.parametrize("shape", SHAPES[:-1])
async def test_a_client_that_does_not_want_usage_sees_none(
    stack: Stack, shape: dict[str, float], options: dict[str, Any]
) -> None:
    """Relay: the usage chunk that we asked for is taken out again; nothing else is."""
    customer = await stack.customer("1000")
    body = chat(stream=True, **options)
    answer = await ask(stack, customer, body, input_tokens=1000, output_tokens=40, **shape)
    chunks = chunks_of(answer)
    assert all(not chunk.get("usage") and chunk["choices"] for chunk in chunks)
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * 41 + ["stop"]
    await assert_charged(stack, customer, 2784, basis="provider", status="completed")


async def test_a_stream_passes_as_the_provider_wrote_it(
    stack: Stack, provider: WatchedProvider
) -> None:
    """Relay: but for ids and times, a client sees the bytes that it would see there."""
    customer = await stack.customer("1000")
    answer = await ask(stack, customer, streamed(), output_tokens=30)
    seen = [{**chunk, "id": "", "created": 0} for chunk in chunks_of(answer)]
    headers = {"Authorization": "Bearer sk-of-the-provider"} | knobs(output_tokens=30)
    url = f"{provider.url}/chat/completions"
    async with stack.session.post(url, json=streamed(), headers=headers) as direct:
        *chunks, _ = parse_events(await direct.read())
    there = [{**json.loads(chunk or ""), "id": "", "created": 0} for chunk in chunks]
    for name in ("credits_charged", "credits_charged_millicredits"):
        del seen[-1]["usage"][name]
    assert seen == there


async def test_the_sdk_reads_several_choices(stack: Stack) -> None:
    """Relay and quote: `n` choices of a stream are charged together."""
    customer = await stack.customer("1000")
    async with stack.sdk(customer) as client:
        stream = await client.chat.completions.create(
            model="gpt-4o-mini",
            messages=QUESTION,
            n=3,
            max_tokens=20,
            stream=True,
            extra_headers=knobs(input_tokens=100, output_tokens=20),
        )
        texts = ["", "", ""]
        async for part in stream:
            for choice in part.choices:
                texts[choice.index] += choice.delta.content or ""
    assert texts[0] == texts[1] == texts[2] != ""
    charge_mc = mini_charge_mc(100, 60)
    await assert_charged(stack, customer, charge_mc, basis="provider", status="completed")


async def test_reasoning_is_output_and_is_shown_as_such(stack: Stack) -> None:
    """Units: reasoning tokens are part of the output, priced once."""
    customer = await stack.customer("1000")
    await ask(
        stack, customer, chat(stream=True), input_tokens=100, output_tokens=50, reasoning_tokens=30
    )
    row = await assert_charged(stack, customer, CHARGE_MC, basis="provider", status="completed")
    assert (row["outputTokens"], row["reasoningTokens"]) == (50, 30)
    assert row["units"] == {"input": 100, "cached_input": 0, "output": 50}


async def test_a_stream_without_usage_is_counted(stack: Stack) -> None:
    """Settle: with no usage object, what was said is counted, exactly as tiktoken counts it."""
    customer = await stack.customer("1000")
    answer = await ask(stack, customer, streamed(), no_usage=1, output_tokens=77)
    said = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks_of(answer))
    assert tokens_of(said) == 77
    charge_mc = mini_charge_mc(QUESTION_TOKENS, 77)
    row = await assert_charged(stack, customer, charge_mc, basis="counted", status="completed")
    assert (row["inputTokens"], row["outputTokens"]) == (QUESTION_TOKENS, 77)


async def test_no_done_is_an_end_where_every_choice_has_finished(stack: Stack) -> None:
    """Relay: some providers never say `[DONE]`; their streams end whole, and are charged."""
    customer = await stack.customer("1000")
    answer = await ask(stack, customer, streamed(), no_done=1, input_tokens=100, output_tokens=50)
    *_, last = parse_events(answer.body)
    assert json.loads(last or "")["usage"]["credits_charged_millicredits"] == str(CHARGE_MC)
    await assert_charged(stack, customer, CHARGE_MC, basis="provider", status="completed")


TEXTS = [
    'say "usage":{"prompt_tokens":1}',
    "data: [DONE]\n\n",
    '{"error":{"message":"no"}}',
    "\r\r",
]
WELL_SAID = b"".join(event(delta(text)) for text in TEXTS) + event(delta(None, "stop"))
ODD_STREAMS: dict[str, list[bytes]] = {
    "keep-alives": [b": a\n\n", WELL_SAID, b":\n\n", USAGE, b": b\n\n", DONE],
    "all at once": [b": a\n\n" + WELL_SAID + USAGE + DONE],
    "byte by byte": [bytes([byte]) for byte in WELL_SAID + USAGE + DONE],
    "carriage returns": [(WELL_SAID + USAGE + DONE).replace(b"\n", b"\r")],
    "fields around the data": [WELL_SAID, b"id: 1\nevent: x\n" + USAGE, b"event: done\n" + DONE],
    "no blank line at the end": [WELL_SAID, USAGE, DONE[:-2]],
    "more after the end": [WELL_SAID, USAGE + DONE + event(delta("late")), b"junk", DONE],
    "a usage that runs": [event(delta("a", usage=usage(100, 1))), WELL_SAID, USAGE, DONE],
}


@pytest.mark.parametrize("pieces", ODD_STREAMS.values(), ids=ODD_STREAMS)
async def test_an_odd_stream_is_read_right(
    database_url: str, redis_url: str, pieces: list[bytes]
) -> None:
    """Relay: whatever the shape, the texts pass, the usage counts, nothing follows the end."""

    async def act(peer: Peer) -> None:
        await peer.send(stream_head(), *(chunk(piece) for piece in pieces), END)

    async with (
        odd_upstream(act) as upstream,
        open_stack(database_url, redis_url, upstream_url=upstream.url) as stack,
    ):
        customer = await stack.customer("1000")
        answer = await ask(stack, customer, streamed())
        chunks = chunks_of(answer)
        said = [chunk["choices"][0]["delta"].get("content") for chunk in chunks if chunk["choices"]]
        assert [text for text in said if text not in (None, "a")] == TEXTS
        assert chunks[-1]["usage"]["credits_charged_millicredits"] == str(CHARGE_MC)
        await assert_charged(stack, customer, CHARGE_MC, basis="provider", status="completed")


async def test_a_provider_that_keeps_the_connection_open_delays_nobody(
    database_url: str, redis_url: str
) -> None:
    """Relay: after `[DONE]` the client's answer ends, whatever the provider does then."""

    async def act(peer: Peer) -> None:
        await peer.send(stream_head(), chunk(WELL_SAID + USAGE + DONE))
        await peer.wait_until_left()

    async with (
        odd_upstream(act) as upstream,
        open_stack(database_url, redis_url, upstream_url=upstream.url) as stack,
    ):
        customer = await stack.customer("1000")
        assert chunks_of(await ask(stack, customer, streamed()))
        await assert_charged(stack, customer, CHARGE_MC, basis="provider", status="completed")


async def test_a_stream_that_was_not_asked_for_is_charged_all_the_same(
    database_url: str, redis_url: str
) -> None:
    """G2: how the answer comes is what the provider says, not what the client asked."""

    async def act(peer: Peer) -> None:
        head = stream_head().replace(b"text/event-stream", b"Text/Event-Stream; charset=utf-8")
        await peer.send(head, chunk(WELL_SAID + USAGE + DONE), END)

    async with (
        odd_upstream(act) as upstream,
        open_stack(database_url, redis_url, upstream_url=upstream.url) as stack,
    ):
        customer = await stack.customer("1000")
        async with raw_call(stack, customer, chat()) as call:
            answer = await call.answer()
        assert answer.is_whole
        assert parse_events(answer.body)[-1] == "[DONE]"
        await assert_charged(stack, customer, CHARGE_MC, basis="provider", status="completed")
