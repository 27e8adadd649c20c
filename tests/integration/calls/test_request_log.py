"""One line for each request: what operators need, and nothing that must stay secret."""

from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.calls import until
from tests.support.pretend import chat, knobs, streamed
from tests.support.stack import ADMIN_TOKEN, PROVIDER_KEY, Customer, Stack

PROMPT = "A prompt that nobody else may read: xyzzy"
MESSAGES = [{"role": "user", "content": PROMPT}]
Lines = list[dict[str, Any]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """All that is logged."""
    with capture_logs() as captured:
        yield captured


async def ask(stack: Stack, customer: Customer, body: object, lines: Lines) -> dict[str, Any]:
    """The one line of a call."""
    del lines[:]
    answer = await stack.post(customer, body, knobs(input_tokens=100, output_tokens=50))
    await answer.read()
    await until(lambda: of_calls(lines))
    (line,) = of_calls(lines)
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["status"] == answer.status
    return line


def of_calls(lines: Lines) -> Lines:
    """The lines of chat completions."""
    return [line for line in lines if line.get("path") == "/v1/chat/completions"]


def assert_silent(lines: Lines, customer: Customer) -> None:
    """No line has a key, a token, or a word of what was asked or said."""
    said = repr(lines)
    for secret in (customer.key, PROVIDER_KEY, ADMIN_TOKEN, "xyzzy", "pretend answer"):
        assert secret not in said


@pytest.mark.parametrize("body", [chat(messages=MESSAGES), streamed(messages=MESSAGES)])
async def test_a_call_has_a_line_with_all_that_it_cost(
    stack: Stack, lines: Lines, body: dict[str, Any]
) -> None:
    """Request, account, key prefix, model, status, units, ceiling, charge, durations."""
    customer = await stack.customer("1000")
    line = await ask(stack, customer, body, lines)
    assert line["event"] == "request"
    assert line["log_level"] == "info"
    assert (line["method"], line["path"]) == ("POST", "/v1/chat/completions")
    assert line["account_id"] == customer.account_id
    assert line["key"] == customer.key[: len("sk-tg-AbCdEf")]
    assert (line["model"], line["stream"]) == ("gpt-4o-mini", bool(body.get("stream")))
    assert (line["upstream_status"], line["outcome"], line["basis"]) == (
        200,
        "completed",
        "provider",
    )
    assert line["units"] == {"input": 100, "cached_input": 0, "output": 50}
    assert line["charge_mc"] == 720
    assert line["ceiling_mc"] > 720
    assert 0 <= line["upstream_ms"] <= line["duration_ms"]
    assert line["error"] is None
    assert_silent(lines, customer)


async def test_a_call_that_is_refused_has_a_line_with_the_reason(
    stack: Stack, lines: Lines
) -> None:
    """402, 400 and 401: the code of the error, and what is known by then."""
    customer = await stack.customer("0.5")
    line = await ask(stack, customer, chat(messages=MESSAGES, max_tokens=5000), lines)
    assert (line["status"], line["error"]) == (402, "insufficient_credits")
    assert line["model"] == "gpt-4o-mini"
    assert "charge_mc" not in line
    line = await ask(stack, customer, chat(messages=MESSAGES, max_tokens="xyzzy"), lines)
    assert (line["status"], line["error"]) == (400, "invalid_value")
    assert_silent(lines, customer)
    stranger = Customer("", "", customer.key + "x")
    line = await ask(stack, stranger, chat(messages=MESSAGES), lines)
    assert (line["status"], line["error"]) == (401, "invalid_api_key")
    assert (line["account_id"], line["key"]) == (None, None)
    assert_silent(lines, customer)


async def test_a_call_that_fails_has_a_line_that_says_how(stack: Stack, lines: Lines) -> None:
    """What the provider did, and that it was free."""
    customer = await stack.customer("1000")
    answer = await stack.post(customer, chat(messages=MESSAGES), knobs(status=503))
    await answer.read()
    await until(lambda: of_calls(lines))
    (line,) = of_calls(lines)
    assert (line["status"], line["upstream_status"]) == (503, 503)
    assert (line["outcome"], line["charge_mc"], line["units"]) == ("failed", 0, {})
    del lines[:]
    answer = await stack.post(customer, chat(messages=MESSAGES), knobs(reset_after=0))
    await answer.read()
    await until(lambda: of_calls(lines))
    (line,) = of_calls(lines)
    assert (line["status"], line["error"], line["outcome"]) == (502, "upstream_cut", "failed")
    assert_silent(lines, customer)


async def test_probes_are_not_logged(stack: Stack, lines: Lines) -> None:
    """A load balancer that looks every second writes no log."""
    for path in ("/healthz", "/readyz"):
        async with stack.session.get(stack.url + path) as answer:
            assert answer.status == 200
    assert lines == []
