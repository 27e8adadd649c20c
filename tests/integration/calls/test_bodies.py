"""Bodies over HTTP: how they may come, how large and how slowly, and what is refused unsent."""

import gzip

import msgspec
import openai
import pytest
from structlog.testing import capture_logs

from tests.support.calls import QUESTION, assert_untouched, error_of, until
from tests.support.pretend import chat
from tests.support.raw_client import RawCall, raw_call, raw_connection, request_bytes
from tests.support.stack import Customer, Stack, open_stack
from tests.support.waiting import give_turns
from tests.support.watched_provider import WatchedProvider

BODY = msgspec.json.encode(chat())


async def refused(call: RawCall) -> tuple[int, str]:
    """Status and code of a refusal, whose connection need not be of further use."""
    answer = await call.answer()
    assert answer.is_whole
    return answer.status, error_of(answer.body)["code"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_json"),
        (b"{", 400, "invalid_json"),
        (b"[]", 400, "invalid_type"),
        (b'{"model":"gpt-4o-mini"}', 400, "missing_required_parameter"),
        (b'{"model":"gpt-9","messages":[{"role":"user"}]}', 404, "model_not_found"),
        (BODY[:-1] + b',"n":1,"n":9}', 400, "duplicate_field"),
        (BODY[:-1] + b',"Max_Tokens":1}', 400, "unknown_field"),
        (BODY[:-1] + b',"max_tokens":-1}', 400, "invalid_value"),
        (BODY[:-1] + b',"user":"\xff"}', 400, "invalid_json"),
        (BODY[:-1] + b',"modalities":["audio"]}', 404, "rate_not_found"),
        (BODY[:-1] + b',"web_search_options":{}}', 404, "rate_not_found"),
        (BODY[:-1] + b',"service_tier":"priority"}', 404, "rate_not_found"),
    ],
)
async def test_a_bad_body_is_refused_before_anything_leaves(
    stack: Stack, provider: WatchedProvider, body: bytes, status: int, code: str
) -> None:
    """G2: what is not understood or has no rate gets the envelope; nothing is held or sent."""
    customer = await stack.customer("100")
    answer = await stack.post(customer, body)
    assert (answer.status, error_of(await answer.read())["code"]) == (status, code)
    assert answer.headers["x-request-id"]
    await assert_untouched(stack, customer, provider, 100_000)


async def test_the_sdk_raises_what_it_knows(stack: Stack) -> None:
    """The envelope is OpenAI's: SDKs raise their own errors, with field and code."""
    customer = await stack.customer("100")
    async with stack.sdk(customer, max_retries=0) as client:
        with pytest.raises(openai.BadRequestError) as bad:
            await client.chat.completions.create(
                model="gpt-4o", messages=QUESTION, max_tokens=10**7
            )
        with pytest.raises(openai.NotFoundError) as unknown:
            await client.chat.completions.create(model="gpt-9", messages=QUESTION)
    assert (bad.value.param, bad.value.code) == ("max_tokens", "invalid_value")
    assert (unknown.value.param, unknown.value.code) == ("model", "model_not_found")


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "gzip, identity", "x"])
async def test_an_encoded_body_is_refused(
    stack: Stack, provider: WatchedProvider, encoding: str
) -> None:
    """415: what is priced must be what the provider reads."""
    customer = await stack.customer("100")
    async with raw_call(
        stack, customer, gzip.compress(BODY), {"Content-Encoding": encoding}
    ) as call:
        assert await refused(call) == (415, "unsupported_encoding")
    await assert_untouched(stack, customer, provider, 100_000)


async def test_an_identity_encoding_is_none(stack: Stack) -> None:
    """Saying that a body is not encoded is fine."""
    customer = await stack.customer("100")
    answer = await stack.post(customer, BODY, {"Content-Encoding": "identity"})
    assert answer.status == 200


async def test_a_body_that_says_it_is_too_large_is_not_read(stack: Stack) -> None:
    """413 as soon as the head is there: not one byte of the body was sent."""
    customer = await stack.customer("100")
    async with raw_connection(stack.url) as call:
        length = {"Content-Length": str(stack.settings.max_body_bytes + 1)}
        await call.send(request_bytes(customer, b"", length))
        assert await refused(call) == (413, "request_too_large")


def chunked(customer: Customer, *pieces: bytes) -> bytes:
    """A request whose length is not known before its end, which is not there yet."""
    head = request_bytes(customer, b"", {"Transfer-Encoding": "chunked"})
    head = head.replace(b"Content-Length: 0\r\n", b"")
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


async def test_a_body_that_grows_too_large_is_refused_on_the_way(
    database_url: str, redis_url: str, provider: WatchedProvider
) -> None:
    """413 once there is too much of a chunked body, however it would end."""
    async with open_stack(
        database_url, redis_url, upstream_url=provider.url, max_body_bytes=1000
    ) as stack:
        customer = await stack.customer("100")
        async with raw_connection(stack.url) as call:
            await call.send(chunked(customer, b"x" * 600, b"x" * 600))
            assert await refused(call) == (413, "request_too_large")
        await assert_untouched(stack, customer, provider, 100_000)


async def test_a_body_of_the_largest_size_is_served(
    database_url: str, redis_url: str, provider: WatchedProvider
) -> None:
    """`max_body_bytes` is the largest that is taken, chunked or not."""
    async with open_stack(
        database_url, redis_url, upstream_url=provider.url, max_body_bytes=1000
    ) as stack:
        customer = await stack.customer("1000")
        largest = BODY + b" " * (1000 - len(BODY))
        assert (await stack.post(customer, largest)).status == 200
        assert (await stack.post(customer, largest + b" ")).status == 413
        async with raw_connection(stack.url) as call:
            await call.send(chunked(customer, largest[:10], largest[10:]) + b"0\r\n\r\n")
            assert (await call.answer()).status == 200
        assert [request.body for request in provider.requests] == [largest, largest]


async def test_a_body_that_comes_too_slowly_is_given_up(
    database_url: str, redis_url: str, provider: WatchedProvider
) -> None:
    """408 after `client_timeout_s`: a slow client holds nothing for ever."""
    async with open_stack(
        database_url, redis_url, upstream_url=provider.url, client_timeout_s=1
    ) as stack:
        customer = await stack.customer("100")
        async with raw_connection(stack.url) as call:
            await call.send(request_bytes(customer, BODY)[:-5])
            assert await refused(call) == (408, "request_timeout")
        await assert_untouched(stack, customer, provider, 100_000)


async def test_a_body_with_broken_framing_is_the_clients_fault(
    stack: Stack, provider: WatchedProvider
) -> None:
    """400, and no alarm in the log."""
    customer = await stack.customer("100")
    with capture_logs() as lines:
        async with raw_connection(stack.url) as call:
            await call.send(chunked(customer, b"{") + b"no length\r\n")
            assert (await call.answer()).status == 400
        await assert_untouched(stack, customer, provider, 100_000)
    assert [line for line in lines if line["log_level"] == "error"] == []


async def test_a_client_that_leaves_while_it_sends_is_no_error_of_ours(
    stack: Stack, provider: WatchedProvider
) -> None:
    """Nothing happens, and no alarm is in the log."""
    customer = await stack.customer("100")
    with capture_logs() as lines:
        async with raw_connection(stack.url) as call:
            await call.send(request_bytes(customer, BODY)[:-5])
            await give_turns()  # what was sent is taken in hand first
            call.leave()
        await until(lambda: any(line.get("path") == "/v1/chat/completions" for line in lines))
    assert [line for line in lines if line["log_level"] == "error"] == []
    await assert_untouched(stack, customer, provider, 100_000)


async def test_an_absolute_target_goes_to_the_provider_all_the_same(
    stack: Stack, provider: WatchedProvider
) -> None:
    """A call goes to the provider of its model, never to a URL out of the request."""
    customer = await stack.customer("100")
    target = "http://elsewhere.example.com/v1/chat/completions"
    async with raw_connection(stack.url) as call:
        await call.send(request_bytes(customer, BODY, target=target))
        assert (await call.answer()).status == 200
    assert [request.target for request in provider.requests] == ["/v1/chat/completions"]
