"""Providers that are away, slow, or do not want: the client is told, and pays nothing."""

import asyncio
import gzip
import zlib

import openai
import pytest

from tests.support.calls import (
    QUESTION,
    QUESTION_TOKENS,
    assert_charged,
    assert_free,
    error_of,
    mini_charge_mc,
    tokens_of,
    upstream_settings,
)
from tests.support.odd_upstream import (
    Peer,
    completion,
    head,
    odd_upstream,
    unused_url,
    usage,
    whole,
)
from tests.support.pretend import chat, knobs
from tests.support.stack import Stack, open_stack
from tests.support.watched_provider import WatchedProvider

FREE_MC = 1_000_000


@pytest.mark.parametrize("stream", [False, True])
async def test_a_provider_that_is_down_is_a_502(
    database_url: str, redis_url: str, *, stream: bool
) -> None:
    """Upstream down: the envelope, the hold released, nothing charged."""
    async with (
        unused_url() as url,
        open_stack(database_url, redis_url, upstream_url=url) as stack,
    ):
        customer = await stack.customer("1000")
        answer = await stack.post(customer, chat(stream=stream))
        error = error_of(await answer.read())
        assert (answer.status, error["code"]) == (502, "upstream_unreachable")
        assert error["type"] == "api_error"
        await assert_free(stack, customer, FREE_MC)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_provider_that_does_not_answer_is_a_504(
    database_url: str, redis_url: str, provider: WatchedProvider, *, stream: bool
) -> None:
    """Upstream slow: after `read_timeout_s` the envelope, nothing held, nothing charged."""
    settings = upstream_settings(provider.url, read_timeout_s=0.2)
    async with open_stack(database_url, redis_url, upstreams=settings) as stack:
        customer = await stack.customer("1000")
        answer = await stack.post(customer, chat(stream=stream), knobs(hang=1))
        assert (answer.status, error_of(await answer.read())["code"]) == (504, "upstream_timeout")
        await assert_free(stack, customer, FREE_MC)


async def hang_up(_: Peer) -> None:
    await asyncio.sleep(0)


async def hang_up_in_the_head(peer: Peer) -> None:
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: appl")


async def speak_no_http(peer: Peer) -> None:
    await peer.send(b"220 mail.example.com ESMTP\r\n\r\n")


async def send_a_huge_head(peer: Peer) -> None:
    await peer.send(head(200, "x-huge: " + "x" * 100_000))


@pytest.mark.parametrize("act", [hang_up, hang_up_in_the_head, speak_no_http, send_a_huge_head])
async def test_a_provider_without_an_answer_is_a_502(
    database_url: str, redis_url: str, act: object
) -> None:
    """Upstream down: a connection that brings no answer is as good as none."""
    async with (
        odd_upstream(act) as upstream,  # type: ignore[arg-type]
        open_stack(database_url, redis_url, upstream_url=upstream.url) as stack,
    ):
        customer = await stack.customer("1000")
        answer = await stack.post(customer, chat())
        assert (answer.status, error_of(await answer.read())["code"]) == (
            502,
            "upstream_unreachable",
        )
        await assert_free(stack, customer, FREE_MC)


@pytest.mark.parametrize("status", [400, 404, 409, 422, 429, 500, 503, 529])
@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_of_the_provider_passes_and_is_free(
    stack: Stack, status: int, *, stream: bool
) -> None:
    """Refusal: status, headers and words are the provider's; nothing is charged."""
    customer = await stack.customer("1000")
    answer = await stack.post(customer, chat(stream=stream), knobs(status=status))
    assert answer.status == status
    assert "pretend" in error_of(await answer.read())["message"]
    assert answer.headers["x-ratelimit-limit-requests"] == "10000"
    assert ("retry-after" in answer.headers) == (status == 429)
    assert answer.headers["x-credits-charged"] == "0.0"
    assert answer.headers["x-credits-balance"] == "1000.0"
    await assert_free(stack, customer, FREE_MC)


async def test_the_sdk_retries_what_it_would_retry_there(
    stack: Stack, provider: WatchedProvider
) -> None:
    """Refusal: a 429 is tried again by the SDK, each time as a call of its own, all free."""
    customer = await stack.customer("1000")
    async with stack.sdk(customer, max_retries=1) as client:
        with pytest.raises(openai.RateLimitError):
            await client.chat.completions.create(
                model="gpt-4o-mini",
                messages=QUESTION,
                extra_headers=knobs(status=429),
            )
    assert len(provider.requests) == 2
    await assert_free(stack, customer, FREE_MC)
    assert len((await stack.get(customer, "/credits/usage"))["data"]) == 2


@pytest.mark.parametrize("status", [401, 402, 403])
@pytest.mark.parametrize("stream", [False, True])
async def test_what_the_provider_thinks_of_our_account_is_not_told(
    stack: Stack, status: int, *, stream: bool
) -> None:
    """Refusal: 502 in our own words; a client with a good key must not read that its key is bad."""
    customer = await stack.customer("1000")
    answer = await stack.post(customer, chat(stream=stream), knobs(status=status))
    content = await answer.read()
    assert (answer.status, error_of(content)["code"]) == (502, "upstream_refused")
    assert answer.headers["x-should-retry"] == "false"
    assert b"pretend" not in content
    await assert_free(stack, customer, FREE_MC)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(
    database_url: str, redis_url: str, provider: WatchedProvider, status: int
) -> None:
    """Forward: a call goes to the provider's URL and to no other, with its key."""

    async def send_elsewhere(peer: Peer) -> None:
        location = f"Location: {provider.url}/chat/completions"
        await peer.send(whole(b"", location, status=status))

    async with (
        odd_upstream(send_elsewhere) as upstream,
        open_stack(database_url, redis_url, upstream_url=upstream.url) as stack,
    ):
        customer = await stack.customer("1000")
        answer = await stack.post(customer, chat())
        assert (answer.status, error_of(await answer.read())["code"]) == (502, "upstream_refused")
        assert "location" not in answer.headers
        assert (len(upstream.requests), provider.requests) == (1, [])
        await assert_free(stack, customer, FREE_MC)


NO_ANSWERS = {
    "a page": whole(b"<html>Welcome</html>", "Content-Type: text/html"),
    "nothing": whole(b""),
    "no content": head(204),
    "half": whole(completion()[:-1]),
    "a list": whole(b"[]"),
    "a text": whole(b'"Hello"'),
    "an unknown coding": whole(b"\x00\x01\x02", "Content-Encoding: unheard-of"),
    "a broken coding": whole(b"no gzip at all", "Content-Encoding: gzip"),
    "a large page": whole(b"<html>" + b"x" * 2_000_000, "Content-Type: text/html"),
}


@pytest.mark.parametrize("sent", NO_ANSWERS.values(), ids=NO_ANSWERS)
async def test_an_answer_that_is_none_is_a_502_and_free(
    database_url: str, redis_url: str, sent: bytes
) -> None:
    """Upstream error: a 200 without an answer in it is no answer."""

    async def act(peer: Peer) -> None:
        await peer.send(sent)

    async with (
        odd_upstream(act) as upstream,
        open_stack(database_url, redis_url, upstream_url=upstream.url) as stack,
    ):
        customer = await stack.customer("1000")
        answer = await stack.post(customer, chat())
        code = error_of(await answer.read())["code"]
        assert answer.status == 502
        assert code in {"upstream_bad_answer", "upstream_cut"}
        await assert_free(stack, customer, FREE_MC)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate"])
async def test_a_coded_answer_is_decoded(database_url: str, redis_url: str, encoding: str) -> None:
    """Forward: identity is asked for; an answer that is coded all the same is decoded."""
    body = completion(usage=usage(100, 50))

    async def act(peer: Peer) -> None:
        compress = zlib.compress if encoding == "deflate" else gzip.compress
        await peer.send(whole(compress(body), f"Content-Encoding: {encoding}"))

    async with (
        odd_upstream(act) as upstream,
        open_stack(database_url, redis_url, upstream_url=upstream.url) as stack,
    ):
        customer = await stack.customer("1000")
        answer = await stack.post(customer, chat())
        assert answer.status == 200
        assert await answer.read() == body
        assert "content-encoding" not in answer.headers
        charge_mc = mini_charge_mc(100, 50)
        await assert_charged(stack, customer, charge_mc, basis="provider", status="completed")


async def test_an_answer_without_usage_is_counted(stack: Stack) -> None:
    """Settle: with no usage object, question and answer are counted as tiktoken counts them."""
    customer = await stack.customer("1000")
    answer = await stack.post(customer, chat(n=2), knobs(no_usage=1, output_tokens=33))
    content = await answer.json()
    texts = [choice["message"]["content"] for choice in content["choices"]]
    assert [tokens_of(text) for text in texts] == [33, 33]
    charge_mc = mini_charge_mc(QUESTION_TOKENS, 66)
    row = await assert_charged(stack, customer, charge_mc, basis="counted", status="completed")
    assert row["inputTokens"] == QUESTION_TOKENS


@pytest.mark.parametrize(
    "echo",
    [
        {"response_format": {"usage": {"prompt_tokens": 1, "completion_tokens": 1}}},
        {"metadata": {"usage": {"prompt_tokens": 1, "completion_tokens": 1}}},
    ],
)
async def test_usage_is_found_at_depth_one_only(
    database_url: str, redis_url: str, echo: dict[str, object]
) -> None:
    """Relay: answers can echo what the client sent; that is not what is charged."""

    async def act(peer: Peer) -> None:
        await peer.send(whole(completion("Hi", **echo, usage=usage(100, 50), after=echo)))

    async with (
        odd_upstream(act) as upstream,
        open_stack(database_url, redis_url, upstream_url=upstream.url) as stack,
    ):
        customer = await stack.customer("1000")
        assert (await stack.post(customer, chat())).status == 200
        charge_mc = mini_charge_mc(100, 50)
        await assert_charged(stack, customer, charge_mc, basis="provider", status="completed")


async def test_odd_json_is_read_all_the_same(database_url: str, redis_url: str) -> None:
    """G2: an answer as some providers write it, with NaN and half a surrogate pair, is no gift."""
    body = completion("Hi \ud83d", usage=usage(100, 50), logprob=float("-inf"))
    assert b"-Infinity" in body
    assert b"\\ud83d" in body

    async def act(peer: Peer) -> None:
        await peer.send(whole(body))

    async with (
        odd_upstream(act) as upstream,
        open_stack(database_url, redis_url, upstream_url=upstream.url) as stack,
    ):
        customer = await stack.customer("1000")
        answer = await stack.post(customer, chat())
        assert (answer.status, await answer.read()) == (200, body)
        charge_mc = mini_charge_mc(100, 50)
        await assert_charged(stack, customer, charge_mc, basis="provider", status="completed")
