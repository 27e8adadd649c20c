"""Answers that are coded though identity was asked for: decoded, or a fault of the provider's."""

import gzip
import zlib
from collections.abc import Callable

import pytest

from tests.support.calls import (
    QUESTION_TOKENS,
    assert_charged,
    assert_free,
    error_of,
    mini_charge_mc,
    tokens_of,
)
from tests.support.odd_stack import ask, last_error, odd_stack
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
from tests.support.pretend import chat
from tests.support.stack import Customer, Stack
from tests.support.waiting import give_turns

BODY = completion("Hello.", usage=usage(100, 50))
CHARGE_MC = mini_charge_mc(100, 50)
FREE_MC = 1_000_000
SAID = "This much was said"
HELLO = event(delta(SAID))
REST = event(delta(None, "stop")) + event({"choices": [], "usage": usage(100, 50)})
DONE = event(b"[DONE]")


def raw_deflate(data: bytes) -> bytes:
    """As some servers send deflate: without zlib's head."""
    coder = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return coder.compress(data) + coder.flush()


def in_two(data: bytes) -> bytes:
    """As servers send gzip that code what they have each time."""
    return gzip.compress(data[:50]) + gzip.compress(data[50:])


CODED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "X-GZIP": ("X-GZIP", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "deflate without a head": ("deflate", raw_deflate),
    "gzip in two": ("gzip", in_two),
    "gzip and padding": ("gzip", lambda data: gzip.compress(data) + b"\0" * 9),
    "gzip without an end": ("gzip", lambda data: gzip.compress(data)[:-8]),
    "twice": ("gzip, gzip", lambda data: gzip.compress(gzip.compress(data))),
    "two ways": ("deflate,  x-gzip", lambda data: gzip.compress(zlib.compress(data))),
    "two headers": (
        "deflate\r\nContent-Encoding: gzip",
        lambda data: gzip.compress(zlib.compress(data)),
    ),
    "identity": ("identity", bytes),
    "identity and gzip": ("identity, gzip", gzip.compress),
    "empty": ("", bytes),
}
PARAMETERS = pytest.mark.parametrize(("coding", "code"), CODED.values(), ids=CODED)


async def served(stack: Stack, body: object) -> tuple[Customer, bytes]:
    """A customer, and the answer of a call that goes well."""
    customer = await stack.customer("1000")
    answer = await ask(stack, customer, body)
    assert (answer.status, answer.is_whole) == (200, True)
    assert "content-encoding" not in answer.headers
    return customer, answer.body


@PARAMETERS
async def test_a_coded_answer_is_decoded_and_charged(
    database_url: str, redis_url: str, coding: str, code: Callable[[bytes], bytes]
) -> None:
    """Forward: the client gets what was meant, whatever way it came; byte by byte, too."""

    async def act(peer: Peer) -> None:
        await peer.send(whole(code(BODY), f"Content-Encoding: {coding}"))

    async with odd_stack(database_url, redis_url, act) as stack:
        customer, content = await served(stack, chat())
        assert content == BODY
        await assert_charged(stack, customer, CHARGE_MC, basis="provider", status="completed")


@PARAMETERS
async def test_a_coded_stream_is_decoded_and_charged(
    database_url: str, redis_url: str, coding: str, code: Callable[[bytes], bytes]
) -> None:
    """Forward: usage is found in a coded stream, in pieces of any size."""
    sent = code(HELLO + REST + DONE)

    async def act(peer: Peer) -> None:
        pieces = (chunk(bytes([byte])) for byte in sent)
        await peer.send(stream_head(f"Content-Encoding: {coding}"), *pieces, END)

    async with odd_stack(database_url, redis_url, act) as stack:
        customer, content = await served(stack, chat(stream=True))
        assert content == HELLO + event(delta(None, "stop")) + DONE
        await assert_charged(stack, customer, CHARGE_MC, basis="provider", status="completed")


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, br", "gzip, gzip, gzip, gzip"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_coding_that_is_not_known_is_a_502_and_free(
    database_url: str, redis_url: str, coding: str, *, stream: bool
) -> None:
    """Upstream error: not one byte of what cannot be metered reaches the client."""

    async def act(peer: Peer) -> None:
        header = f"Content-Encoding: {coding}"
        if stream:
            await peer.send(stream_head(header), chunk(HELLO + REST + DONE), END)
        else:
            await peer.send(whole(BODY, header))

    async with odd_stack(database_url, redis_url, act) as stack:
        customer = await stack.customer("1000")
        answer = await ask(stack, customer, chat(stream=stream))
        assert (answer.status, error_of(answer.body)["code"]) == (502, "upstream_bad_answer")
        assert SAID.encode() not in answer.body
        await assert_free(stack, customer, FREE_MC)


async def test_a_stream_whose_coding_breaks_is_a_cut(database_url: str, redis_url: str) -> None:
    """Cut: what could be decoded was delivered, and is charged; the rest is an error."""
    coder = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    first = coder.compress(HELLO) + coder.flush(zlib.Z_SYNC_FLUSH)

    async def act(peer: Peer) -> None:
        await peer.send(stream_head("Content-Encoding: gzip"), chunk(first))
        await give_turns()  # what was sent is read first
        await peer.send(chunk(b"\xff" * 50), END)

    async with odd_stack(database_url, redis_url, act) as stack:
        customer = await stack.customer("1000")
        answer = await ask(stack, customer, chat(stream=True))
        assert answer.body.startswith(HELLO)
        assert not answer.is_whole
        assert last_error(answer)["code"] == "upstream_bad_answer"
        charge_mc = mini_charge_mc(QUESTION_TOKENS, tokens_of(SAID))
        await assert_charged(stack, customer, charge_mc, basis="counted", status="cut")


async def test_a_small_answer_that_decodes_to_a_huge_one_is_bounded(
    database_url: str, redis_url: str
) -> None:
    """Forward: a bomb is given up where an answer is given up, and is no answer: free."""
    bomb = gzip.compress(b" " * 200_000_000, 1)

    async def act(peer: Peer) -> None:
        await peer.send(whole(bomb, "Content-Encoding: gzip"))

    async with odd_stack(database_url, redis_url, act) as stack:
        customer = await stack.customer("1000")
        answer = await ask(stack, customer, chat())
        assert (answer.status, error_of(answer.body)["code"]) == (502, "upstream_bad_answer")
        await assert_free(stack, customer, FREE_MC)
