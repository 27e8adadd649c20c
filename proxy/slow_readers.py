"""Closes connections whose clients take nothing of what they were sent; aiohttp waits for ever."""

import asyncio
from collections.abc import Iterable

from aiohttp import web


class SlowReaders:
    """Remembers how much waits to be taken, and aborts where that has not changed for too long."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._waiting: dict[asyncio.Transport, tuple[int, float]] = {}

    def look_at(self, connections: Iterable[web.RequestHandler], now_s: float) -> None:
        """One look; to be taken again and again."""
        transports = {one.transport for one in connections if one.transport is not None}
        waiting = {}
        # A connection that is closed waits on, and its handler does not know it any more.
        for transport in transports | self._waiting.keys():
            unsent_bytes = transport.get_write_buffer_size()
            before_bytes, since_s = self._waiting.get(transport, (0, now_s))
            if not unsent_bytes:
                continue
            if unsent_bytes != before_bytes:
                waiting[transport] = (unsent_bytes, now_s)
            elif now_s - since_s <= self._timeout_s:
                waiting[transport] = (unsent_bytes, since_s)
            else:
                transport.abort()
        self._waiting = waiting
