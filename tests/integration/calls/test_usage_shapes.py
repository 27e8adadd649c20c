"""Usage as OpenAI-compatible providers report it: charged right, once, and never a gift."""

import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from pricing.money import credits_text
from tests.support.calls import (
    QUESTION,
    QUESTION_TOKENS,
    assert_charged,
    mini_charge_mc,
    table_with,
    tokens_of,
)
from tests.support.odd_stack import ask, odd_stack
from tests.support.odd_upstream import (
    END,
    Peer,
    chunk,
    completion,
    delta,
    event,
    stream_head,
    usage,
    whole,
)
from tests.support.pretend import chat, streamed
from tests.support.raw_client import RawAnswer
from tests.support.sse_reference import parse_events

SAID = "This much was said, and this is it."
TOLD = usage(100, 50)
TOLD_MC = mini_charge_mc(100, 50)
COUNTED_MC = mini_charge_mc(QUESTION_TOKENS, tokens_of(SAID))
CACHED_MC = TOLD_MC - 30 * 12 // 10  # 30 tokens at 1.2 instead of 2.4
DONE = event(b"[DONE]")
HELLO = event(delta(SAID))
FINISH = event(delta(None, "stop"))
CLOSE = event({"choices": [], "usage": TOLD})


def with_details(**details: object) -> dict[str, object]:
    """A usage with more in it."""
    return {**TOLD, **details}


THOUGHT: dict[str, object] = {"completion_tokens_details": {"reasoning_tokens": 200}}
# The usage, what it is charged, and by whose word.
USAGES: dict[str, tuple[object, int, str]] = {
    "as OpenAI": (TOLD, TOLD_MC, "provider"),
    "no details": (with_details(prompt_tokens_details=None), TOLD_MC, "provider"),
    "empty details": (with_details(prompt_tokens_details={}), TOLD_MC, "provider"),
    "cached": (with_details(prompt_tokens_details={"cached_tokens": 30}), CACHED_MC, "provider"),
    "cached as DeepSeek says": (
        with_details(prompt_cache_hit_tokens=30, prompt_cache_miss_tokens=70),
        CACHED_MC,
        "provider",
    ),
    "cached, said twice": (
        with_details(prompt_tokens_details={"cached_tokens": 30}, prompt_cache_hit_tokens=30),
        CACHED_MC,
        "provider",
    ),
    "cached at the top": (with_details(cached_tokens=30), CACHED_MC, "provider"),
    "no total": ({"prompt_tokens": 100, "completion_tokens": 50}, TOLD_MC, "provider"),
    "a wrong total": (with_details(total_tokens=10**6), TOLD_MC, "provider"),
    "a smaller total": (with_details(total_tokens=1), TOLD_MC, "provider"),
    "no number as total": (with_details(total_tokens="150"), TOLD_MC, "provider"),
    "reasoning in the output": (
        with_details(completion_tokens_details={"reasoning_tokens": 20}),
        TOLD_MC,
        "provider",
    ),
    "reasoning beside the output": (
        with_details(total_tokens=350, **THOUGHT),
        mini_charge_mc(100, 250),
        "provider",
    ),
    "a usage in it": (with_details(usage=usage(1, 1)), TOLD_MC, "provider"),
    "whole floats": ({"prompt_tokens": 100.0, "completion_tokens": 50.0}, TOLD_MC, "provider"),
    "half tokens": ({"prompt_tokens": 99.5, "completion_tokens": 50}, COUNTED_MC, "counted"),
    "texts": ({"prompt_tokens": "100", "completion_tokens": "50"}, COUNTED_MC, "counted"),
    "negative": ({"prompt_tokens": -100, "completion_tokens": 50}, COUNTED_MC, "counted"),
    "huge": ({"prompt_tokens": 10**30, "completion_tokens": 50}, COUNTED_MC, "counted"),
    "nothing": (None, COUNTED_MC, "counted"),
    "empty": ({}, COUNTED_MC, "counted"),
    "zeros": (usage(0, 0), COUNTED_MC, "counted"),
    "no input": (usage(0, 50), mini_charge_mc(QUESTION_TOKENS, 50), "counted"),
    "no output": (usage(100, 0), mini_charge_mc(100, tokens_of(SAID)), "counted"),
}


def assert_told(answer: RawAnswer, charge_mc: int) -> None:
    """A whole stream that ends in a usage with the charge."""
    *_, last, done = [data for data in parse_events(answer.body) if data is not None]
    assert (answer.is_whole, done) == (True, "[DONE]")
    assert json.loads(last)["usage"]["credits_charged_millicredits"] == str(charge_mc)


PARAMETERS = pytest.mark.parametrize(("told", "charge_mc", "basis"), USAGES.values(), ids=USAGES)


@PARAMETERS
async def test_a_usage_in_an_answer_is_charged_as_it_is_meant(
    database_url: str, redis_url: str, *, told: object, charge_mc: int, basis: str
) -> None:
    """Settle: a usage that can be is believed, any other is counted; the answer passes as it is."""
    body = completion(SAID, usage=told)

    async def act(peer: Peer) -> None:
        await peer.send(whole(body))

    async with odd_stack(database_url, redis_url, act) as stack:
        customer = await stack.customer("1000")
        answer = await ask(stack, customer, chat())
        assert (answer.status, answer.body) == (200, body)
        assert answer.headers["x-credits-charged"] == credits_text(charge_mc)
        await assert_charged(stack, customer, charge_mc, basis=basis, status="completed")


@PARAMETERS
async def test_a_usage_in_a_stream_is_charged_as_it_is_meant(
    database_url: str, redis_url: str, *, told: object, charge_mc: int, basis: str
) -> None:
    """Settle: as in an answer; its chunk is taken out where the client has not asked for it."""
    last = event({"choices": [], "usage": told})

    async def act(peer: Peer) -> None:
        await peer.send(stream_head(), chunk(HELLO + FINISH + last + DONE), END)

    async with odd_stack(database_url, redis_url, act) as stack:
        for body in (chat(stream=True), streamed()):
            customer = await stack.customer("1000")
            answer = await ask(stack, customer, body)
            kept = last if told is None else b""
            assert answer.is_whole
            assert answer.body.startswith(HELLO + FINISH)
            if body == chat(stream=True):
                assert answer.body == HELLO + FINISH + kept + DONE
            await assert_charged(stack, customer, charge_mc, basis=basis, status="completed")


def indented(fields: dict[str, object]) -> bytes:
    """An event with its data over several lines."""
    lines = json.dumps(fields, indent=1).split("\n")
    return b"".join(b"data: " + line.encode() + b"\n" for line in lines) + b"\n"


OPENROUTER = event(delta("", None, usage=TOLD))
RUNNING = [event(delta(word, usage=usage(100, n * 5))) for n, word in enumerate(SAID.split(), 1)]
STREAMS: dict[str, bytes] = {
    "usage null in all others": event(delta(SAID, usage=None)) + FINISH + CLOSE + DONE,
    "usage that runs": b"".join(RUNNING) + FINISH + CLOSE + DONE,
    "usage in the finish": HELLO + event(delta(None, "stop", usage=TOLD)) + DONE,
    "usage behind the finish, with a choice": HELLO + FINISH + OPENROUTER + DONE,
    "usage over several lines": HELLO + FINISH + indented({"choices": [], "usage": TOLD}) + DONE,
    "usage that begins on a line of its own": HELLO
    + FINISH
    + b'data: {"choices":[],"usage"\ndata: :\ndata: '
    + json.dumps(TOLD).encode()
    + b"\ndata: }\n\n"
    + DONE,
    "a byte order mark": b"\xef\xbb\xbf" + HELLO + FINISH + CLOSE + DONE,
    "carriage returns": (HELLO + FINISH + CLOSE + DONE).replace(b"\n", b"\r\n"),
    "no space": (HELLO + FINISH + CLOSE + DONE).replace(b"data: ", b"data:"),
    "keep-alives": b": PROCESSING\n\n" * 3 + HELLO + b":\n\n" + FINISH + CLOSE + b": x\n\n" + DONE,
    "blank lines": b"\n\n\n" + HELLO + b"\n\n" + FINISH + CLOSE + b"\n" + DONE,
    "no error": event(delta(SAID, error=None))
    + event(delta(None, "stop", error=""))
    + CLOSE
    + DONE,
    "empty finish reasons": event(delta(SAID, "")) + FINISH + CLOSE + DONE,
    "no line end behind the end": HELLO + FINISH + CLOSE + b"data: [DONE]",
}


@pytest.mark.parametrize("sent", STREAMS.values(), ids=STREAMS)
async def test_a_stream_of_any_make_is_charged_and_told(
    database_url: str, redis_url: str, sent: bytes
) -> None:
    """Relay: SDKs read what they would read there, and the last usage has the charge."""

    async def act(peer: Peer) -> None:
        await peer.send(stream_head(), chunk(sent), END)

    async with odd_stack(database_url, redis_url, act) as stack:
        customer = await stack.customer("1000")
        answer = await ask(stack, customer, streamed())
        assert_told(answer, TOLD_MC)
        await assert_charged(stack, customer, TOLD_MC, basis="provider", status="completed")
        async with stack.sdk(customer, max_retries=0) as client:
            text = ""
            stream = await client.chat.completions.create(
                model="gpt-4o-mini", messages=QUESTION, stream=True
            )
            async for part in stream:
                text += "".join(choice.delta.content or "" for choice in part.choices)
        said = "" if sent.startswith(b"\xef") else SAID  # the SDK overlooks a marked first event
        assert text.replace(" ", "") == said.replace(" ", "")
        await assert_charged(stack, customer, TOLD_MC, basis="provider", status="completed")


@pytest.mark.parametrize("model_hides", [False, True])
async def test_a_total_with_unseen_reasoning_is_believed_where_the_model_hides_it(
    database_url: str, redis_url: str, *, model_hides: bool
) -> None:
    """Units: some providers count what was thought in the total only."""

    async def act(peer: Peer) -> None:
        await peer.send(whole(completion(SAID, usage={**TOLD, "total_tokens": 400})))

    table = table_with(hidden_reasoning=model_hides)
    async with odd_stack(database_url, redis_url, act, table=table) as stack:
        customer = await stack.customer("1000")
        await ask(stack, customer, chat())
        charge_mc = mini_charge_mc(100, 300) if model_hides else TOLD_MC
        row = await assert_charged(stack, customer, charge_mc, basis="provider", status="completed")
        assert row["reasoningTokens"] == (250 if model_hides else 0)


@pytest.mark.parametrize("body", [chat(max_tokens=5), streamed(max_tokens=5)])
async def test_a_charge_above_the_ceiling_stands_and_is_told(
    database_url: str, redis_url: str, body: dict[str, Any]
) -> None:
    """G1: the provider reports more than the request allowed: charged, recorded and visible."""
    told = usage(100, 900)

    async def act(peer: Peer) -> None:
        if body.get("stream"):
            last = event({"choices": [], "usage": told})
            await peer.send(stream_head(), chunk(HELLO + FINISH + last + DONE), END)
        else:
            await peer.send(whole(completion(SAID, usage=told)))

    async with odd_stack(database_url, redis_url, act) as stack:
        customer = await stack.customer("1")
        with capture_logs() as lines:
            assert (await ask(stack, customer, body)).status == 200
        charge_mc = mini_charge_mc(100, 900)
        row = await assert_charged(stack, customer, charge_mc, basis="provider", status="completed")
        assert await stack.balance_mc(customer) == 1000 - charge_mc
    (line,) = [line for line in lines if line["event"] == "charge_over_ceiling"]
    assert (line["request_id"], line["log_level"]) == (row["requestId"], "warning")
    assert line["charge_mc"] == charge_mc > line["ceiling_mc"] > 0
