"""Answers that begin late or end oddly, and errors that look like answers: charged for content."""

import json

import openai
import pytest

from pricing.money import credits_text
from tests.support.calls import (
    QUESTION,
    QUESTION_TOKENS,
    assert_charged,
    mini_charge_mc,
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

SAID = "This much was said, and this is it."
TOLD = usage(100, 50)
TOLD_MC = mini_charge_mc(100, 50)
COUNTED_MC = mini_charge_mc(QUESTION_TOKENS, tokens_of(SAID))
DONE = event(b"[DONE]")
HELLO = event(delta(SAID))
FINISH = event(delta(None, "stop"))
CLOSE = event({"choices": [], "usage": TOLD})


@pytest.mark.parametrize("prefix", [b"\n\n\n", b" \r\n", b"\xef\xbb\xbf", b"\n" * 5000])
@pytest.mark.parametrize("size", [1, 2_000_000])
async def test_an_answer_may_begin_late(
    database_url: str, redis_url: str, prefix: bytes, size: int
) -> None:
    """Relay: blank lines that keep a connection alive, or a byte order mark; bytes pass as sent."""
    body = prefix + completion("x" * size, usage=TOLD)

    async def act(peer: Peer) -> None:
        await peer.send(whole(body))

    async with odd_stack(database_url, redis_url, act) as stack:
        customer = await stack.customer("1000")
        answer = await ask(stack, customer, chat())
        assert (answer.status, answer.body) == (200, body)
        await assert_charged(stack, customer, TOLD_MC, basis="provider", status="completed")


@pytest.mark.parametrize("told", [usage(100, 1), usage(100, 1000)])
async def test_a_usage_so_far_is_not_the_last_word_on_a_cut_stream(
    database_url: str, redis_url: str, told: dict[str, int]
) -> None:
    """Cut: what was said after the last usage is charged too."""

    async def act(peer: Peer) -> None:
        first = event(delta("", usage=told))
        await peer.send(stream_head(), chunk(first), chunk(HELLO), END)

    async with odd_stack(database_url, redis_url, act) as stack:
        customer = await stack.customer("1000")
        assert not (await ask(stack, customer, chat(stream=True))).is_whole
        more = tokens_of(SAID) > told["completion_tokens"]
        charge_mc = mini_charge_mc(100, max(tokens_of(SAID), told["completion_tokens"]))
        basis = "counted" if more else "provider"
        await assert_charged(stack, customer, charge_mc, basis=basis, status="cut")


ODDLY_SAID = {
    "no JSON": [b"data: " + SAID.encode() + b"\n\n"],
    "an unknown field": [
        event({"choices": [{"index": 0, "delta": {"role": "assistant", "thinking": SAID}}]})
    ],
    "as completions say it": [event({"choices": [{"index": 0, "text": SAID}]})],
}


@pytest.mark.parametrize("said", ODDLY_SAID.values(), ids=ODDLY_SAID)
@pytest.mark.parametrize("end", [FINISH + DONE, b""])
async def test_what_is_said_in_any_shape_is_not_free(
    database_url: str, redis_url: str, said: list[bytes], end: bytes
) -> None:
    """G2: content that reached the client is charged, whether or not the stream ends well."""

    async def act(peer: Peer) -> None:
        await peer.send(stream_head(), *(chunk(piece) for piece in said), chunk(end or b": x"), END)

    async with odd_stack(database_url, redis_url, act) as stack:
        customer = await stack.customer("1000")
        assert (await ask(stack, customer, chat(stream=True))).body.startswith(said[0])
        status = "completed" if end else "cut"
        await assert_charged(stack, customer, COUNTED_MC, basis="counted", status=status)


@pytest.mark.parametrize("end", [b"data: [DONE]", b"data: [DONE]\n", b"data:[DONE]\r\n"])
async def test_a_last_word_without_a_blank_line_counts_where_the_connection_breaks(
    database_url: str, redis_url: str, end: bytes
) -> None:
    """Relay: all was said; that the framing has no end changes nothing."""

    async def act(peer: Peer) -> None:
        await peer.send(stream_head(), chunk(HELLO + FINISH + CLOSE + end))

    async with odd_stack(database_url, redis_url, act) as stack:
        customer = await stack.customer("1000")
        answer = await ask(stack, customer, streamed())
        assert answer.is_whole
        assert f'"credits_charged_millicredits":"{TOLD_MC}"'.encode() in answer.body
        await assert_charged(stack, customer, TOLD_MC, basis="provider", status="completed")


async def test_empty_finish_reasons_do_not_hide_a_cut(database_url: str, redis_url: str) -> None:
    """Cut: a reason that is none ends no choice."""

    async def act(peer: Peer) -> None:
        await peer.send(stream_head(), chunk(event(delta(SAID, ""))), END)

    async with odd_stack(database_url, redis_url, act) as stack:
        customer = await stack.customer("1000")
        async with stack.sdk(customer, max_retries=0) as client:
            with pytest.raises(openai.APIError):  # noqa: PT012 - raised where it is read
                stream = await client.chat.completions.create(
                    model="gpt-4o-mini", messages=QUESTION, stream=True
                )
                async for _ in stream:
                    pass
        await assert_charged(stack, customer, COUNTED_MC, basis="counted", status="cut")


async def test_a_usage_of_no_output_is_free_where_nothing_came(
    database_url: str, redis_url: str
) -> None:
    """Cut: some providers report the input before they have said anything, and then fail."""

    async def act(peer: Peer) -> None:
        await peer.send(stream_head(), chunk(event(delta("", usage=usage(100, 0)))), END)

    async with odd_stack(database_url, redis_url, act) as stack:
        customer = await stack.customer("1000")
        assert not (await ask(stack, customer, chat(stream=True))).is_whole
        await assert_charged(stack, customer, 0, basis="none", status="failed")


ERROR = {"message": "Overloaded", "type": "server_error", "param": None, "code": 502}
ERRORS: dict[str, tuple[bytes, int, str, str]] = {
    "nothing but an error": (json.dumps({"error": ERROR}).encode(), 0, "none", "failed"),
    "a text as error": (b'{"error":"Overloaded"}', 0, "none", "failed"),
    "no choices": (json.dumps({"choices": [], "error": ERROR}).encode(), 0, "none", "failed"),
    "usage of nothing": (
        json.dumps({"error": ERROR, "usage": usage(100, 0)}).encode(),
        *(0, "none", "failed"),
    ),
    "half an answer": (completion(SAID, error=ERROR), COUNTED_MC, "counted", "cut"),
    "half an answer with usage": (
        completion(SAID, error=ERROR, usage=TOLD),
        *(TOLD_MC, "provider", "cut"),
    ),
    "error null": (completion(SAID, error=None), COUNTED_MC, "counted", "completed"),
    "error empty": (completion(SAID, error={}), COUNTED_MC, "counted", "completed"),
    "error deeper": (
        completion(SAID, echo={"error": ERROR}),
        *(COUNTED_MC, "counted", "completed"),
    ),
}


@pytest.mark.parametrize(("body", "charge_mc", "basis", "status"), ERRORS.values(), ids=ERRORS)
async def test_an_error_with_a_good_status_is_an_error(
    database_url: str, redis_url: str, *, body: bytes, charge_mc: int, basis: str, status: str
) -> None:
    """Refusal: some providers say 200 and mean an error; it passes, and its content alone costs."""

    async def act(peer: Peer) -> None:
        await peer.send(whole(body))

    async with odd_stack(database_url, redis_url, act) as stack:
        customer = await stack.customer("1000")
        answer = await ask(stack, customer, chat())
        assert (answer.status, answer.body) == (200, body)
        assert answer.headers["x-credits-charged"] == credits_text(charge_mc)
        await assert_charged(stack, customer, charge_mc, basis=basis, status=status)


@pytest.mark.parametrize(
    ("first", "charge_mc", "basis", "status"),
    [(b"", 0, "none", "failed"), (HELLO, COUNTED_MC, "counted", "cut")],
)
async def test_an_error_in_a_stream_is_raised_by_the_sdk(
    database_url: str, redis_url: str, *, first: bytes, charge_mc: int, basis: str, status: str
) -> None:
    """Cut: the provider's own words; what was said before them is charged, once."""
    broken = event({"error": ERROR})

    async def act(peer: Peer) -> None:
        await peer.send(stream_head(), chunk(first + broken + DONE), END)

    async with odd_stack(database_url, redis_url, act) as stack:
        customer = await stack.customer("1000")
        async with stack.sdk(customer, max_retries=0) as client:
            with pytest.raises(openai.APIError, match="Overloaded"):  # noqa: PT012 - when read
                stream = await client.chat.completions.create(
                    model="gpt-4o-mini", messages=QUESTION, stream=True
                )
                async for _ in stream:
                    pass
        await assert_charged(stack, customer, charge_mc, basis=basis, status=status)
