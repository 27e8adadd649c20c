"""Answers that break off before they say anything: told by a status where it can be, and free."""

import openai
import pytest

from tests.support.calls import QUESTION, assert_free, error_of
from tests.support.odd_stack import ask, last_error, odd_stack
from tests.support.odd_upstream import (
    END,
    Act,
    Peer,
    chunk,
    completion,
    delta,
    event,
    head,
    stream_head,
    usage,
)
from tests.support.pretend import chat


async def say_nothing(peer: Peer) -> None:
    await peer.send(stream_head(), END)


async def only_take_the_role(peer: Peer) -> None:
    await peer.send(stream_head(), chunk(event(delta("", role="assistant"))), END)


async def begin_and_fall_silent(peer: Peer) -> None:
    await peer.send(stream_head())
    await peer.wait_until_left()


async def break_off_in_the_first_event(peer: Peer) -> None:
    await peer.send(stream_head(), chunk(b'data: {"choices":[{"delta":{"content":"He'))


async def break_off_a_json_answer(peer: Peer) -> None:
    body = completion("x" * 1000, usage=usage(10, 10))
    await peer.send(head(200, f"Content-Length: {len(body)}", "Content-Type: application/json"))
    await peer.send(body[:500])


async def reset_a_json_answer(peer: Peer) -> None:
    await break_off_a_json_answer(peer)
    await peer.reset()


@pytest.mark.parametrize(
    "act",
    [
        say_nothing,
        begin_and_fall_silent,
        break_off_in_the_first_event,
        break_off_a_json_answer,
        reset_a_json_answer,
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_never_began_is_free(
    database_url: str, redis_url: str, act: Act, *, stream: bool
) -> None:
    """Cut before content: 502 with the envelope, the hold released, nothing charged."""
    async with odd_stack(database_url, redis_url, act, read_timeout_s=1) as stack:
        customer = await stack.customer("1000")
        answer = await ask(stack, customer, chat(stream=stream))
        assert (answer.status, answer.is_whole) == (502, True)
        assert error_of(answer.body)["code"] == "upstream_cut"
        await assert_free(stack, customer, 1_000_000)


async def test_a_stream_that_said_nothing_but_its_role_is_free(
    database_url: str, redis_url: str
) -> None:
    """Cut before content: the role is no content, though the client has seen it."""
    async with odd_stack(database_url, redis_url, only_take_the_role) as stack:
        customer = await stack.customer("1000")
        answer = await ask(stack, customer, chat(stream=True))
        assert (answer.status, answer.is_whole) == (200, False)
        assert last_error(answer)["code"] == "upstream_cut"
        await assert_free(stack, customer, 1_000_000)


async def test_the_sdk_sees_an_error_that_comes_first(database_url: str, redis_url: str) -> None:
    """Cut before content: a stream that begins with an error is free, and raises."""

    async def act(peer: Peer) -> None:
        await peer.send(stream_head(), chunk(event({"error": {"message": "no", "code": "x"}})), END)

    async with odd_stack(database_url, redis_url, act) as stack:
        customer = await stack.customer("1000")
        async with stack.sdk(customer, max_retries=0) as client:
            with pytest.raises(openai.APIError):
                async for _ in await client.chat.completions.create(
                    model="gpt-4o-mini", messages=QUESTION, stream=True
                ):
                    pass
        await assert_free(stack, customer, 1_000_000)
