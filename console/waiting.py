"""Waiting for something no longer than people do."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

# The loop itself keeps no task alive.
_left_behind: set[asyncio.Task[Any]] = set()


async def within(wait_s: float, what: Coroutine[Any, Any, T]) -> T:
    """Its result. What takes longer is stopped, and its end is not waited for: to let go of a
    connection to a database that does not answer takes seconds more.

    Raises:
        TimeoutError: there is no result yet.
    """
    task = asyncio.create_task(what)
    try:
        done, _ = await asyncio.wait({task}, timeout=wait_s)
    finally:
        if not task.done():
            task.cancel()
            _left_behind.add(task)
            task.add_done_callback(_forget)
    if not done:
        raise TimeoutError
    return task.result()


def _forget(task: asyncio.Task[Any]) -> None:
    _left_behind.discard(task)
    if not task.cancelled():
        task.exception()  # nobody asks for it any more
