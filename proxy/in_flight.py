"""The requests under way, so that closing down can wait for them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class InFlight:
    """Counts requests. Once it is draining, new calls are refused and readiness is false."""

    def __init__(self) -> None:
        self._count = 0
        self._is_empty = asyncio.Event()
        self._is_empty.set()
        self.is_ready = True
        self.is_draining = False

    @contextmanager
    def counting(self) -> Iterator[None]:
        """One request more, while it lasts."""
        self._count += 1
        self._is_empty.clear()
        try:
            yield
        finally:
            self._count -= 1
            if not self._count:
                self._is_empty.set()

    async def wait_until_empty(self, timeout_s: float) -> bool:
        """Whether all requests have ended in time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._is_empty.wait()
        except TimeoutError:
            return False
        return True
