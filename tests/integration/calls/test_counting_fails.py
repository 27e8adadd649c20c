"""Calls whose tokens cannot be counted: neither free nor held for ever."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from pricing.rank_files import RankFileError
from tests.support.calls import assert_charged, error_of, mini_charge_mc
from tests.support.odd_stack import ask, odd_stack
from tests.support.odd_upstream import (
    END,
    Peer,
    chunk,
    completion,
    delta,
    event,
    stream_head,
    whole,
)
from tests.support.pretend import chat
from tests.support.stack import open_stack

SAID = "This much was said"
STREAM = chat(stream=True)


class Panic(BaseException):
    """What a tokenizer raises that has lost its mind: no Exception."""


def unreadable(*_: object) -> int:
    raise RankFileError("o200k_base")


def panic(*_: object) -> int:
    raise Panic("with words of a prompt")


async def answer_whole(peer: Peer) -> None:
    await peer.send(whole(completion(SAID)))


async def answer_in_a_stream(peer: Peer) -> None:
    said = event(delta(SAID)) + event(delta(None, "stop")) + event(b"[DONE]")
    await peer.send(stream_head(), chunk(said), END)


async def break_off(peer: Peer) -> None:
    await peer.send(stream_head(), chunk(event(delta(SAID))), END)


def estimate_mc(body: dict[str, Any]) -> int:
    """Bytes / 4, of the question and of the answer."""
    return mini_charge_mc(-(-len(json.dumps(body)) // 4), -(-len(SAID) // 4))


FAULTS: dict[str, tuple[str, Callable[..., int]]] = {
    "rank file": ("pricing.tokens.load_encoding", unreadable),
    "panic": ("pricing.tokens.TokenCounter.count_all", panic),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("act", "body", "status"),
    [
        (answer_whole, chat(), "completed"),
        (answer_in_a_stream, STREAM, "completed"),
        (break_off, STREAM, "cut"),
    ],
)
async def test_a_call_that_cannot_be_counted_is_estimated(
    database_url: str,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    fault: str,
    act: Callable[[Peer], Any],
    body: dict[str, Any],
    status: str,
) -> None:
    """Settle: bytes / 4 where counting fails, whatever the reason; told once, without a prompt."""
    async with odd_stack(database_url, redis_url, act) as stack:
        monkeypatch.setattr(*FAULTS[fault])
        customer = await stack.customer("1000")
        with capture_logs() as lines:
            answer = await ask(stack, customer, body)
        assert answer.status == 200
        assert answer.is_whole is (status == "completed")
        assert SAID.encode() in answer.body
        row = await assert_charged(
            stack, customer, estimate_mc(body), basis="estimated", status=status
        )
    (line,) = [line for line in lines if line["log_level"] == "error"]
    assert (line["event"], line["request_id"]) == ("tokens_not_counted", row["requestId"])
    assert "words of a prompt" not in repr(lines)


async def test_a_prompt_that_cannot_be_counted_is_quoted_by_its_bytes(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quote: the cheap bound stands where there is no closer one; 402, not 500."""
    async with open_stack(database_url, redis_url) as stack:
        monkeypatch.setattr("pricing.tokens.load_encoding", unreadable)
        poor, rich = await stack.customer("1"), await stack.customer("3")
        refused = await stack.post(poor, chat(max_tokens=1000))
        assert (refused.status, error_of(await refused.read())["code"]) == (
            402,
            "insufficient_credits",
        )
        served = await stack.post(rich, chat())
        assert served.status == 200
        assert int(served.headers["x-credits-max-tokens"]) >= stack.settings.min_clamp_tokens
        await stack.assert_books_agree()
