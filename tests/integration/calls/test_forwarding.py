"""What reaches the provider: the client's own bytes, and of its headers what is the provider's."""

from decimal import Decimal

import msgspec
import pytest

from tests.support.calls import error_of, last_usage, mini_charge_mc
from tests.support.odd_upstream import completion, odd_upstream, usage, whole
from tests.support.pretend import chat
from tests.support.raw_client import raw_call, raw_connection, request_bytes
from tests.support.stack import PROVIDER_KEY, Stack, open_stack
from tests.support.watched_provider import WatchedProvider

ODDLY_WRITTEN = (
    b' { "messages" : [ {"content":"H\\u0069 \\/ \\ud83d\\ude00 \xc3\xa9","role":"user"} ],\n\t'
    b'"temperature": 1.0E0,"seed":12345678901234567890, "model":"gpt-4o-mini" }\r\n'
)


async def test_a_body_leaves_byte_for_byte(stack: Stack, provider: WatchedProvider) -> None:
    """Read: what need not be changed is not changed, not even its spaces."""
    customer = await stack.customer("1000")
    assert (await stack.post(customer, ODDLY_WRITTEN)).status == 200
    streamed = ODDLY_WRITTEN.replace(b'{ "messages"', b'{ "stream":true , "messages"')
    asked = streamed.replace(b'"stream"', b'"stream_options":{"include_usage" : true}, "stream"')
    await (await stack.post(customer, asked)).read()
    assert [request.body for request in provider.requests] == [ODDLY_WRITTEN, asked]


@pytest.mark.parametrize(
    "options",
    [
        None,
        b"null",
        b"{}",
        b'{"include_usage":false}',
        b'{"include_usage":null,"include_obfuscation":false}',
    ],
)
async def test_a_stream_always_reports_its_usage(
    stack: Stack, provider: WatchedProvider, options: bytes | None
) -> None:
    """Relay: `include_usage` is added to whatever options there are; all else stays."""
    customer = await stack.customer("1000")
    body = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"\\u00e9"}],"stream":true'
    body += b"}" if options is None else b',"stream_options":' + options + b"}"
    await (await stack.post(customer, body)).read()
    sent = msgspec.json.decode(provider.requests[0].body)
    given = msgspec.json.decode(body)
    expected = {**(given.get("stream_options") or {}), "include_usage": True}
    assert sent == {**given, "stream_options": expected}
    assert b'"\\u00e9"' in provider.requests[0].body
    assert (await last_usage(stack, customer))["basis"] == "provider"


async def test_parts_that_are_no_text_pass_and_are_bounded(
    stack: Stack, provider: WatchedProvider
) -> None:
    """Quote: an image adds its model's bound, a file or an unknown part the context window."""
    customer = await stack.customer("10000")
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    odd = {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}}
    document = {"type": "file", "file": {"file_id": "file-1"}}
    ceilings = []
    for part in ({"type": "text", "text": "Hi"}, image, document, odd):
        body = msgspec.json.encode(
            chat(messages=[{"role": "user", "content": [part]}], max_tokens=1)
        )
        answer = await stack.post(customer, body)
        assert provider.requests[-1].body == body
        ceiling_mc = Decimal(answer.headers["x-credits-ceiling"]) * 1000
        ceilings.append((ceiling_mc, len(body) + 16))
    bounds = [text for _, text in ceilings]
    bounds[1] += 48_170
    bounds[2:] = [128_000, 128_000]
    assert [ceiling for ceiling, _ in ceilings] == [mini_charge_mc(bound, 1) for bound in bounds]


async def test_the_provider_sees_its_own_key_and_no_other(
    stack: Stack, provider: WatchedProvider
) -> None:
    """Forward: the client's key is dropped under all its names, the provider's is added once."""
    customer = await stack.customer("1000")
    secrets = {"api-key": customer.key, "x-api-key": customer.key, "Cookie": "a=b"}
    answer = await stack.post(customer, chat(), secrets)
    assert answer.status == 200
    (request,) = provider.requests
    assert request.header("authorization") == [f"Bearer {PROVIDER_KEY}"]
    for name in ("api-key", "x-api-key", "cookie"):
        assert request.header(name) == []
    assert customer.key not in str(request.headers)


async def test_hop_by_hop_headers_end_here(stack: Stack, provider: WatchedProvider) -> None:
    """Forward: neither hop-by-hop headers, nor those that `Connection` names, nor our traces."""
    customer = await stack.customer("1000")
    dropped = {
        "Connection": "close, X-Foo",
        "x-foo": "1",
        "Keep-Alive": "timeout=5",
        "TE": "trailers",
        "Proxy-Authorization": "Basic eA==",
        "Proxy-Connection": "keep-alive",
        "Upgrade": "h2c",
        "Trailer": "x-bar",
        "X-Forwarded-For": "10.0.0.1",
        "X-Forwarded-Host": "inside.example.com",
        "Forwarded": "for=10.0.0.1",
        "Accept-Encoding": "gzip, br",
        "OpenAI-Organization": "org-of-the-client",
        "OpenAI-Project": "proj-of-the-client",
    }
    passed = {"User-Agent": "Client/1.0", "x-stainless-lang": "python", "Accept": "*/*"}
    async with raw_call(stack, customer, chat(), dropped | passed) as call:
        assert (await call.answer()).status == 200
    (request,) = provider.requests
    names = {name.lower() for name, _ in request.headers}
    assert names & {name.lower() for name in dropped} == {"accept-encoding"}
    assert request.header("accept-encoding") == ["identity"]
    assert request.header("host") == [provider.url.split("/")[2]]
    for name, value in passed.items():
        assert request.header(name.lower()) == [value]


async def test_a_header_that_is_no_text_hinders_no_call(
    stack: Stack, provider: WatchedProvider
) -> None:
    """Forward: a call is served also with bytes in a header that are no UTF-8."""
    customer = await stack.customer("1000")
    async with raw_call(stack, customer, chat(), {"x-name": "Ren\xe9e", "x-other": "1"}) as call:
        assert (await call.answer()).status == 200
    assert provider.requests[0].header("x-other") == ["1"]


async def test_the_providers_headers_pass_but_for_what_is_between_us(
    database_url: str, redis_url: str
) -> None:
    """Section 7: rate limits and `openai-*` pass; hop-by-hop, cookies and credits do not."""
    passing = {
        "x-ratelimit-remaining-requests": "9",
        "openai-processing-ms": "12",
        "retry-after": "3",
        "x-anything": "at all",
    }
    ours = {
        "x-credits-balance": "999.0",
        "x-credits-charged": "999.0",
        "x-credits-ceiling": "999.0",
        "x-credits-anything": "999.0",
        "x-request-id": "req_provider",
    }
    between = {"Set-Cookie": "a=b", "Server": "Odd/1.0", "Connection": "close, x-hop", "x-hop": "1"}
    lines = [f"{name}: {value}" for name, value in (passing | ours | between).items()]

    async def answer(peer: object) -> None:
        await peer.send(whole(completion(usage=usage(9, 5)), *lines, "x-n: Ren\xe9e"))  # type: ignore[attr-defined]

    async with (
        odd_upstream(answer) as upstream,
        open_stack(database_url, redis_url, upstream_url=upstream.url) as stack,
    ):
        customer = await stack.customer("1000")
        async with raw_call(stack, customer, chat()) as call:
            got = (await call.answer()).headers
        assert {name: got.get(name) for name in passing} == passing
        assert got["server"] == "tollgate"
        assert got["x-credits-charged"] == "0.07"  # 9 x 2.4 + 5 x 9.6, rounded up
        assert got["x-credits-balance"] == "999.93"
        assert got["x-request-id"] == (await last_usage(stack, customer))["requestId"]
        assert not {"set-cookie", "x-hop", "x-credits-anything"} & set(got)
        assert "999.0" not in got.values()


@pytest.mark.parametrize(
    "called", ["application/x-www-form-urlencoded", "text/plain; charset=utf-16"]
)
async def test_a_body_is_json_whatever_the_client_calls_it(
    stack: Stack, provider: WatchedProvider, called: str
) -> None:
    """Read: what was priced as JSON must not be read as anything else."""
    customer = await stack.customer("1000")
    answer = await stack.post(customer, chat(), {"Content-Type": called})
    assert answer.status == 200
    assert provider.requests[0].header("content-type") == ["application/json"]


async def test_an_old_client_is_served_whole(stack: Stack) -> None:
    """A client that speaks HTTP/1.0 knows no chunks: the connection's end is the stream's."""
    customer = await stack.customer("1000")
    for stream in (False, True):
        async with raw_connection(stack.url) as call:
            await call.send(request_bytes(customer, chat(stream=stream), version="1.0"))
            answer = await call.answer()
        assert (answer.status, answer.is_whole) == (200, True)
        assert "transfer-encoding" not in answer.headers
        assert answer.body.endswith(b"data: [DONE]\n\n" if stream else b"}")
    await stack.assert_books_agree()


async def test_what_the_provider_finds_wrong_is_told_as_it_says_it(stack: Stack) -> None:
    """A provider's own 400 passes with its words, and is free."""
    customer = await stack.customer("1000")
    answer = await stack.post(customer, chat(unheard_of=1))
    assert answer.status == 400
    assert "unheard_of" in error_of(await answer.read())["message"]
    assert answer.headers["x-credits-charged"] == "0.0"
    assert answer.headers["x-credits-balance"] == "1000.0"
