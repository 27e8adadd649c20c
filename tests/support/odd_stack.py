"""A Tollgate in front of a provider that does one odd thing, and answers however they end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.support.calls import error_of, upstream_settings
from tests.support.odd_upstream import Act, odd_upstream
from tests.support.raw_client import RawAnswer, raw_call
from tests.support.sse_reference import parse_events
from tests.support.stack import Customer, Stack, open_stack
from tests.support.waiting import PATIENCE_S


@asynccontextmanager
async def odd_stack(
    database_url: str,
    redis_url: str,
    act: Act,
    *,
    read_timeout_s: float = PATIENCE_S,
    **changes: object,
) -> AsyncIterator[Stack]:
    """A stack in front of a provider that does one odd thing.

    It waits for the provider as long as it takes, but for tests of one that falls silent.
    """
    async with (
        odd_upstream(act) as upstream,
        open_stack(
            database_url,
            redis_url,
            upstreams=upstream_settings(upstream.url, read_timeout_s=read_timeout_s),
            **changes,
        ) as stack,
    ):
        yield stack


async def ask(stack: Stack, customer: Customer, body: object) -> RawAnswer:
    """The answer, however it ends."""
    async with raw_call(stack, customer, body) as call:
        return await call.answer()


def last_error(answer: RawAnswer) -> dict[str, Any]:
    """The error in which a stream ended."""
    last = parse_events(answer.body)[-1]
    assert last
    return error_of(last.encode())
