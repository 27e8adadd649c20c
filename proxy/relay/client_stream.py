"""The client's side of a streamed answer: begun late, written with bounds, broken when it fails."""

import asyncio
from collections.abc import Callable

from aiohttp import web
from multidict import CIMultiDict

HAS_BEGUN = web.RequestKey("has_begun", bool)


class ClientStream:
    """Writes to a client that may leave, or stop reading, at any time.

    Nothing is sent before the first bytes are there, so that what fails before them can still be
    told by a status.
    """

    def __init__(
        self,
        request: web.Request,
        status: int,
        headers: CIMultiDict[str],
        *,
        timeout_s: float,
        on_departure: Callable[[], None],
    ) -> None:
        self._request = request
        self._timeout_s = timeout_s
        self._on_departure = on_departure
        self.response = web.StreamResponse(status=status, headers=headers)
        self.has_left = False

    @property
    def has_begun(self) -> bool:
        """Whether the client has been told a status."""
        return self.response.prepared

    async def write(self, data: bytes) -> None:
        """Gives bytes to the client, or drops them if it has left."""
        if data:
            await self._send(data, is_last=False)

    def leave(self) -> None:
        """Takes note that the client is not there any more."""
        if not self.has_left:
            self.has_left = True
            self._on_departure()

    async def end(self, data: bytes) -> web.StreamResponse:
        """Writes the last bytes and ends the answer's framing."""
        await self._send(data, is_last=True)
        return self.fail() if self.has_left else self.response

    async def fail_with(self, data: bytes) -> web.StreamResponse:
        """Writes what went wrong, then breaks the answer off."""
        await self.write(data)
        return self.fail()

    def fail(self) -> web.StreamResponse:
        """Breaks the answer off: its framing is never ended, so no client takes it for whole."""
        transport = self._request.transport
        if transport is not None and self.has_left:
            transport.abort()  # nobody takes what is still to be sent
        elif transport is not None:
            transport.close()
        return self.response

    async def _send(self, data: bytes, *, is_last: bool) -> None:
        if self.has_left:
            return
        try:
            async with asyncio.timeout(self._timeout_s):
                if not self.response.prepared:
                    self._request[HAS_BEGUN] = True
                    await self.response.prepare(self._request)
                await (self.response.write_eof(data) if is_last else self.response.write(data))
        except (ConnectionError, TimeoutError):
            self.leave()
