"""Waiting, with a bound, for what other processes bring about."""

import asyncio
from collections.abc import Awaitable, Callable

# Of a machine that is slow and has other work, too; only what is broken takes as long.
PATIENCE_S = 90
PAUSE_S = 0.02
# For Redis' clients, where a test is not about giving up.
PATIENT = {"socket_timeout": PATIENCE_S, "socket_connect_timeout": PATIENCE_S}


async def give_turns(turns: int = 20) -> None:
    """Lets everything else in this process do what it can: what was sent within it is read.

    Not a length of time: a process that was stopped meanwhile has had no turn.
    """
    for _ in range(turns):
        await asyncio.sleep(0.01)


async def until(holds: Callable[[], object], what: object) -> None:
    """Waits until something holds; where it never does, `what` is told as it is then."""

    async def ask() -> object:
        return holds()

    await until_answered(ask, what)


async def until_answered(ask: Callable[[], Awaitable[object]], what: object) -> None:
    """As `until`, where looking takes waiting itself."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if await ask():
                    return
                await asyncio.sleep(PAUSE_S)
    except TimeoutError:
        raise AssertionError(f"never came true: {what}") from None
