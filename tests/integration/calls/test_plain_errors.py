"""What aiohttp refuses by itself is told as everything else is: status, envelope, request id."""

import gzip
import zlib

import msgspec
import pytest
from structlog.testing import capture_logs

from tests.support.calls import assert_untouched, error_of
from tests.support.pretend import chat
from tests.support.raw_client import RawAnswer, raw_connection, request_bytes
from tests.support.stack import Customer, Stack
from tests.support.waiting import give_turns
from tests.support.watched_provider import WatchedProvider

BODY = msgspec.json.encode(chat())


async def answer_to(stack: Stack, *pieces: bytes) -> RawAnswer:
    """The answer to raw bytes."""
    async with raw_connection(stack.url) as call:
        for piece in pieces:
            await call.send(piece)
        return await call.answer()


def assert_enveloped(answer: RawAnswer, status: int, code: str) -> None:
    """An answer as our own."""
    assert (answer.status, answer.is_whole) == (status, True)
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-request-id"]
    assert answer.headers["server"] == "tollgate"
    assert error_of(answer.body)["code"] == code


def coded(name: str) -> bytes:
    """A body that is coded as it says, where that can be done here."""
    ways = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress}
    return ways.get(name.lower(), lambda body: body)(BODY)


CODINGS = ["br", "BR", "zstd", "gzip", "GZip", "x-gzip", "deflate", "compress", "unheard-of"]
LISTS = ["gzip, br", "identity, gzip", "gzip, identity", "\u00e9", "identity;q=1"]


@pytest.mark.parametrize("coding", CODINGS + LISTS)
async def test_every_content_encoding_is_refused_alike(
    stack: Stack, provider: WatchedProvider, coding: str
) -> None:
    """Read: 415 with the envelope, whatever the coding, and whether or not it could be undone."""
    customer = await stack.customer("100")
    headers = {"Content-Encoding": coding}
    answer = await answer_to(stack, request_bytes(customer, coded(coding), headers))
    assert_enveloped(answer, 415, "unsupported_encoding")
    assert error_of(answer.body)["param"] == "Content-Encoding"
    await assert_untouched(stack, customer, provider, 100_000)


@pytest.mark.parametrize("codings", [("identity", "gzip"), ("gzip", "identity"), ("", "br")])
async def test_a_repeated_content_encoding_is_refused(
    stack: Stack, provider: WatchedProvider, codings: tuple[str, str]
) -> None:
    """Read: of two headers both count."""
    customer = await stack.customer("100")
    two = "\r\n".join(f"Content-Encoding: {coding}" for coding in codings)
    request = request_bytes(customer, coded("gzip"))
    answer = await answer_to(stack, request.replace(b"\r\n\r\n", f"\r\n{two}\r\n\r\n".encode(), 1))
    assert_enveloped(answer, 415, "unsupported_encoding")
    await assert_untouched(stack, customer, provider, 100_000)


@pytest.mark.parametrize("coding", ["identity", "Identity", "", "identity, identity"])
async def test_no_coding_is_none_however_it_is_said(stack: Stack, coding: str) -> None:
    """Read: a body that is sent as it is, is read."""
    customer = await stack.customer("100")
    request = request_bytes(customer, BODY, {"Content-Encoding": coding})
    assert (await answer_to(stack, request)).status == 200


def chunked(customer: Customer) -> bytes:
    """The head of a request of unknown length."""
    head = request_bytes(customer, b"", {"Transfer-Encoding": "chunked"})
    return head.replace(b"Content-Length: 0\r\n", b"")


def broken(customer: Customer) -> dict[str, tuple[bytes, int, str]]:
    """Requests that are no good HTTP, by what is wrong; with status and code."""
    good = request_bytes(customer, BODY)
    large = b"x" * 10_000
    bad, too_large = (400, "bad_request"), (431, "request_headers_too_large")
    return {
        "no HTTP at all": (b"\x16\x03\x01\x02\x00\r\n\r\n", *bad),
        "no host": (good.replace(b"Host: tollgate\r\n", b""), *bad),
        "a bad key": (good.replace(b"Bearer ", b"Bearer \x01"), *bad),
        "a bad header": (good.replace(b"Host:", b"Ho st:"), *bad),
        "a bad length": (good.replace(b"Content-Length: ", b"Content-Length: x"), *bad),
        "two lengths": (good.replace(b"Host:", b"Content-Length: 1\r\nHost:"), *bad),
        "length and chunks": (good.replace(b"Host:", b"Transfer-Encoding: chunked\r\nHost:"), *bad),
        "a bad chunk": (chunked(customer) + b"1\r\n{\r\nno length\r\n", *bad),
        "a large URL": (good.replace(b"/v1/", b"/" + large + b"/v1/"), *too_large),
        "a large header": (good.replace(b"tollgate", large), *too_large),
        "many headers": (good.replace(b"Host:", b"A: b\r\n" * 200 + b"Host:"), *too_large),
        "an expectation": (good.replace(b"Host:", b"Expect: miracles\r\nHost:"), 417, "http_error"),
    }


@pytest.mark.parametrize("what", broken(Customer("", "", "")))
async def test_broken_http_is_refused_in_the_envelope(
    stack: Stack, provider: WatchedProvider, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    """Errors: OpenAI's envelope, the connection closed, no alarm, and no key in the log."""
    customer = await stack.customer("100")
    request, status, code = broken(customer)[what]
    with capture_logs() as lines:
        answer = await answer_to(stack, request)
    assert_enveloped(answer, status, code)
    assert [line for line in lines if line["log_level"] == "error"] == []
    assert customer.key not in repr(lines) + caplog.text + answer.body.decode()
    assert caplog.records == []
    await assert_untouched(stack, customer, provider, 100_000)


async def test_a_body_whose_framing_breaks_later_is_not_waited_for(
    stack: Stack, provider: WatchedProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """Read: 400 as soon as it is known, though the request was taken in hand before."""
    customer = await stack.customer("100")
    async with raw_connection(stack.url) as call:
        await call.send(chunked(customer) + b"1\r\n{\r\n")
        await give_turns()  # what was sent is taken in hand first
        await call.send(b"no length\r\n")
        assert_enveloped(await call.answer(), 400, "body_broken_off")
        await call.wait_until_closed()
    assert caplog.records == []
    await assert_untouched(stack, customer, provider, 100_000)


async def test_an_expectation_that_can_be_met_is_met(stack: Stack) -> None:
    """`Expect: 100-continue`, as curl says for large bodies."""
    customer = await stack.customer("100")
    request = request_bytes(customer, BODY, {"Expect": "100-continue"})
    async with raw_connection(stack.url) as call:
        await call.send(request[: -len(BODY)])
        assert await call.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        call.received = b""
        await call.send(BODY)
        assert (await call.answer()).status == 200
