"""Notices clients that have left while there was nothing to write to them."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

LOOK_EVERY_S = 1.0


class Departures:
    """Looks once a second at the connections that it was asked to watch."""

    def __init__(self) -> None:
        self._watched: dict[int, tuple[web.Request, Callable[[], None]]] = {}

    @contextmanager
    def watching(self, request: web.Request, on_departure: Callable[[], None]) -> Iterator[None]:
        """Calls `on_departure` once if the client leaves meanwhile."""
        self._watched[id(request)] = (request, on_departure)
        try:
            yield
        finally:
            self._watched.pop(id(request), None)

    async def look(self) -> None:
        """Looks until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            for request, on_departure in list(self._watched.values()):
                if request.transport is None or request.transport.is_closing():
                    del self._watched[id(request)]
                    on_departure()
