"""Closes connections that never bring a whole request head; aiohttp itself lets them stay."""

import asyncio

from aiohttp import web

from proxy.slow_readers import SlowReaders

LOOK_EVERY_S = 2.0


class SlowStarters:
    """Knows which connections have brought a request, and closes those that do not in time.

    Between two requests of a connection aiohttp's own keep-alive timeout does that. Looks after
    slow readers on the same round.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._started: set[web.RequestHandler] = set()
        self._readers = SlowReaders(timeout_s)

    def note(self, request: web.Request) -> None:
        """Its connection has brought a request."""
        self._started.add(request.protocol)

    async def look(self, server: web.Server) -> None:
        """Looks until it is cancelled."""
        first_seen_s: dict[web.RequestHandler, float] = {}
        while True:
            await asyncio.sleep(min(LOOK_EVERY_S, self._timeout_s))
            now_s = asyncio.get_running_loop().time()
            there = set(server.connections)
            self._readers.look_at(there, now_s)
            self._started &= there
            first_seen_s = {
                one: first_seen_s.get(one, now_s) for one in there if one not in self._started
            }
            for connection, since_s in first_seen_s.items():
                if now_s - since_s > self._timeout_s:
                    connection.force_close()
