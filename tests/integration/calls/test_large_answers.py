"""JSON answers too large to be held: streamed, but for their last block, until they are settled."""

import pytest

from tests.support.calls import (
    QUESTION_TOKENS,
    assert_charged,
    assert_free,
    error_of,
    mini_charge_mc,
    tokens_of,
    until,
)
from tests.support.odd_upstream import (
    END,
    Peer,
    chunk,
    chunked_head,
    completion,
    head,
    odd_upstream,
    usage,
    whole,
)
from tests.support.pretend import chat, knobs
from tests.support.raw_client import RawAnswer, raw_call
from tests.support.stack import Customer, Stack, open_stack

MEGABYTE = 1024 * 1024
SAID = "This much was said"
LARGE = completion(SAID, padding="x" * 2 * MEGABYTE, usage=usage(100, 50))
CHARGE_MC = mini_charge_mc(100, 50)


async def ask(stack: Stack, customer: Customer) -> RawAnswer:
    """The answer, however it ends."""
    async with raw_call(stack, customer, chat()) as call:
        return await call.answer()


@pytest.mark.parametrize("size", [MEGABYTE - 5000, MEGABYTE + 5000, 3 * MEGABYTE])
async def test_an_answer_of_any_size_is_charged_by_its_usage(stack: Stack, size: int) -> None:
    """Relay: up to 1 MiB the charge is in a header; a larger answer streams, charged the same."""
    customer = await stack.customer("1000")
    answer = await stack.post(
        customer, chat(), knobs(huge=size, input_tokens=100, output_tokens=50)
    )
    content = await answer.json()
    assert content["usage"]["completion_tokens"] == 50
    assert ("x-credits-charged" in answer.headers) == (size < MEGABYTE)
    assert answer.headers["x-credits-ceiling"]
    await assert_charged(stack, customer, CHARGE_MC, basis="provider", status="completed")


async def test_the_last_block_waits_for_the_settlement(database_url: str, redis_url: str) -> None:
    """G3: while the provider has not ended, the client has no more than all but the last block."""
    last = LARGE[-1000:]

    async def act(peer: Peer) -> None:
        await peer.send(chunked_head(), chunk(LARGE[:-1000]))
        await until(lambda: go_on)
        await peer.send(chunk(last), END)

    go_on: list[bool] = []
    async with (
        odd_upstream(act) as upstream,
        open_stack(database_url, redis_url, upstream_url=upstream.url) as stack,
    ):
        customer = await stack.customer("1000")
        async with raw_call(stack, customer, chat()) as call:
            await call.until(b"x" * 1000)
            assert (await stack.redis_account(customer))["held"] != "0"
            go_on.append(True)
            answer = await call.answer()
        assert (answer.body, answer.is_whole) == (LARGE, True)
        await assert_charged(stack, customer, CHARGE_MC, basis="provider", status="completed")


async def test_a_large_answer_that_is_cut_is_charged_for_what_it_says(
    database_url: str, redis_url: str
) -> None:
    """Cut: the client's answer breaks off; the model's words in it are counted, not its JSON."""

    async def act(peer: Peer) -> None:
        await peer.send(
            head(200, f"Content-Length: {len(LARGE)}", "Content-Type: application/json")
        )
        for start in range(0, len(LARGE) - 1000, 100_000):
            await peer.send(LARGE[start : min(start + 100_000, len(LARGE) - 1000)])

    async with (
        odd_upstream(act) as upstream,
        open_stack(database_url, redis_url, upstream_url=upstream.url) as stack,
    ):
        customer = await stack.customer("1000")
        answer = await ask(stack, customer)
        assert (answer.status, answer.is_whole) == (200, False)
        assert LARGE.startswith(answer.body)
        charge_mc = mini_charge_mc(QUESTION_TOKENS, tokens_of(SAID))
        await assert_charged(stack, customer, charge_mc, basis="counted", status="cut")


async def test_a_large_answer_that_is_no_json_in_the_end_breaks_off(
    database_url: str, redis_url: str
) -> None:
    """Cut: what has no end is not brought to one."""

    async def act(peer: Peer) -> None:
        await peer.send(chunked_head(), chunk(LARGE[:MEGABYTE]), chunk(LARGE[MEGABYTE:-1]), END)

    async with (
        odd_upstream(act) as upstream,
        open_stack(database_url, redis_url, upstream_url=upstream.url) as stack,
    ):
        customer = await stack.customer("1000")
        assert not (await ask(stack, customer)).is_whole
        charge_mc = mini_charge_mc(QUESTION_TOKENS, tokens_of(SAID))
        await assert_charged(stack, customer, charge_mc, basis="counted", status="cut")


async def test_a_large_answer_of_which_nothing_was_sent_is_free(
    database_url: str, redis_url: str
) -> None:
    """Cut: while all of it is still held, it can be refused in good order."""

    async def act(peer: Peer) -> None:
        await peer.send(
            head(200, f"Content-Length: {len(LARGE)}", "Content-Type: application/json")
        )
        await peer.send(LARGE[: MEGABYTE - 1000])

    async with (
        odd_upstream(act) as upstream,
        open_stack(database_url, redis_url, upstream_url=upstream.url) as stack,
    ):
        customer = await stack.customer("1000")
        answer = await ask(stack, customer)
        assert (answer.status, error_of(answer.body)["code"]) == (502, "upstream_cut")
        await assert_free(stack, customer, 1_000_000)


@pytest.mark.parametrize("is_cut", [False, True])
async def test_a_large_error_is_free(database_url: str, redis_url: str, *, is_cut: bool) -> None:
    """Refusal: however much a provider says of what went wrong, whole or not."""
    page = b'{"error":{"message":"' + b"x" * 3 * MEGABYTE + b'"}}'

    async def act(peer: Peer) -> None:
        sent = whole(page, status=500)
        for start in range(0, len(sent) - 1000 * is_cut, 100_000):
            await peer.send(sent[start : min(start + 100_000, len(sent) - 1000 * is_cut)])

    async with (
        odd_upstream(act) as upstream,
        open_stack(database_url, redis_url, upstream_url=upstream.url) as stack,
    ):
        customer = await stack.customer("1000")
        answer = await ask(stack, customer)
        assert (answer.status, answer.is_whole) == (500, not is_cut)
        assert page.startswith(answer.body)
        await assert_free(stack, customer, 1_000_000)
