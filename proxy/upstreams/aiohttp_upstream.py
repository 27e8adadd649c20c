"""A provider behind aiohttp's client."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp

from config.settings import UpstreamSettings
from proxy.upstreams.codings import decoded
from proxy.upstreams.upstream import (
    Headers,
    UpstreamCutError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)

# Shorter than servers keep connections, so that few requests meet one that is just being closed.
KEEPALIVE_S = 15
FINISH_S = 1.0
_ADDED_BY_AIOHTTP = ("User-Agent", "Content-Type", "Accept", "Accept-Encoding")


def open_session() -> aiohttp.ClientSession:
    """A session for all upstreams: no limits of its own, no cookies, no proxies."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=_ADDED_BY_AIOHTTP,
        auto_decompress=False,  # aiohttp passes on what it cannot decode, as if it were plain
    )


class AiohttpUpstream:
    """Posts to one provider, with that provider's key."""

    def __init__(
        self, session: aiohttp.ClientSession, settings: UpstreamSettings, api_key: str
    ) -> None:
        self._session = session
        self._base_url = settings.base_url.rstrip("/")
        self._authorization = ("Authorization", f"Bearer {api_key}")
        self._timeout = aiohttp.ClientTimeout(
            total=None,
            sock_connect=settings.connect_timeout_s,
            sock_read=settings.read_timeout_s,
        )

    async def post(self, path: str, headers: Headers, body: bytes) -> "AiohttpAnswer":
        """See `Upstream.post`."""
        try:
            response = await self._session.post(
                self._base_url + path,
                data=body,
                headers=[*headers, self._authorization],
                timeout=self._timeout,
                allow_redirects=False,
            )
        except aiohttp.ConnectionTimeoutError as error:
            raise UpstreamTimeoutError("no connection in time") from error
        except aiohttp.ServerTimeoutError as error:
            raise UpstreamTimeoutError("no answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamUnreachableError(type(error).__name__) from error
        return AiohttpAnswer(response)


class AiohttpAnswer:
    """See `UpstreamAnswer`."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: Headers = list(response.headers.items())
        self._lost = _loss_of(response.connection)
        if self._lost is not None:
            self._lost.add_done_callback(self._end_reading)
            # One of it for the life of the connection: its loss is no news to anybody else.
            self._lost.remove_done_callback(_take_note)
            self._lost.add_done_callback(_take_note)

    def blocks(self) -> AsyncIterator[bytes]:
        """See `UpstreamAnswer.blocks`; a coding that is not known raises at once."""
        codings = self._response.headers.getall("Content-Encoding", ())
        return decoded(codings, self._blocks()) if codings else self._blocks()

    async def _blocks(self) -> AsyncIterator[bytes]:
        try:
            async for block in self._response.content.iter_any():
                yield block
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamCutError(type(error).__name__) from error

    async def finish(self) -> None:
        """See `UpstreamAnswer.finish`."""
        try:
            async with asyncio.timeout(FINISH_S):
                while not self._response.content.at_eof():
                    await self._response.content.readany()
        except (aiohttp.ClientError, OSError):
            self._response.close()

    def close(self) -> None:
        """See `UpstreamAnswer.close`."""
        if self._lost is not None:  # the connection may serve many calls yet
            self._lost.remove_done_callback(self._end_reading)
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()

    def _end_reading(self, lost: asyncio.Future[None]) -> None:
        # aiohttp itself forgets the reader where the framing of a body is broken.
        content = self._response.content
        if not content.is_eof() and content.exception() is None:
            reason = lost.exception() or "the connection was lost"
            content.set_exception(aiohttp.ClientPayloadError(str(reason)))


def _loss_of(connection: aiohttp.connector.Connection | None) -> asyncio.Future[None] | None:
    """Done when the connection is lost; None where the answer does not need it any more."""
    protocol = None if connection is None else connection.protocol
    return None if protocol is None else protocol.closed


def _take_note(lost: asyncio.Future[None]) -> None:
    lost.exception()
