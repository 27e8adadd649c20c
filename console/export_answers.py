"""Answers with an export: a file that is streamed, and broken off where it cannot be completed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import aclosing

import asyncpg
from aiohttp import web

from console.errors import ApiError
from console.handling import bad_value
from console.paging import ReadFilter, choice_filter
from ledger.exports.export import Export, as_gzip, pieces_of
from ledger.exports.formats import Format

AT_ONCE = 2
WRITE_TIMEOUT_S = 60.0
FIRST_BYTES = 16_384
_YES, _NO = ("1", "true"), ("0", "false")

# The parameter that asks for a gzip file.
GZIP: Mapping[str, ReadFilter] = {"gzip": choice_filter((*_YES, *_NO))}


def wants_gzip(given: Mapping[str, str], file_format: Format | None = None) -> bool:
    """Whether a gzip file is asked for; a journal has no `file_format`.

    Raises:
        ApiError: 400, the format is compressed already.
    """
    wanted = given.get("gzip") in _YES
    if wanted and file_format is not None and not file_format.can_gzip:
        raise bad_value("gzip", f"must be left out: {file_format.extension} is compressed")
    return wanted


class ExportAnswers:
    """Streams exports. Each holds a connection to the database, so there are few at once."""

    def __init__(self, pool: asyncpg.Pool, at_once: int = AT_ONCE) -> None:
        self._pool = pool
        self._free = at_once

    async def answer(
        self, request: web.Request, export: Export, *, gzip: bool = False
    ) -> web.StreamResponse:
        """The file, gzipped or not. Until its first bytes are there errors are answered as usual.

        Raises:
            ApiError: 503, as many exports as this server makes at once are under way; 499, the
                client left, or has read nothing for a minute.
            DatabaseUnavailableError: Postgres is away.
        """
        if not self._free:
            raise _busy()
        self._free -= 1
        export = as_gzip(export) if gzip else export
        try:
            async with aclosing(pieces_of(self._pool, export)) as pieces:
                return await _stream(request, export, pieces)
        finally:
            self._free += 1


async def _stream(
    request: web.Request, export: Export, pieces: AsyncIterator[bytes]
) -> web.StreamResponse:
    first, has_ended = await _first_bytes(pieces)
    response = web.StreamResponse(headers=_headers(export))
    await response.prepare(request)
    try:
        await _sent(response.write(first))
        if not has_ended:
            async for piece in pieces:
                await _sent(response.write(piece))
        await _sent(response.write_eof())
    except BaseException:
        # Half a file must not look whole: the connection ends without an end of the body, and
        # no other answer is written into it.
        if request.transport is not None:
            request.transport.abort()
        raise
    return response


async def _first_bytes(pieces: AsyncIterator[bytes]) -> tuple[bytes, bool]:
    """Enough to know that rows can be read; whether that was all."""
    first = bytearray()
    async for piece in pieces:
        first += piece
        if len(first) >= FIRST_BYTES:
            return bytes(first), False
    return bytes(first), True


async def _sent(writing: Awaitable[None]) -> None:
    try:
        async with asyncio.timeout(WRITE_TIMEOUT_S):
            await writing
    except (ConnectionError, TimeoutError) as error:
        raise _nobody_reads() from error


def _headers(export: Export) -> dict[str, str]:
    return {
        "Content-Type": export.media_type,
        "Content-Disposition": f'attachment; filename="{export.file_name}"',
        "Cache-Control": "no-store",
    }


def _busy() -> ApiError:
    return ApiError(
        503,
        "exports_busy",
        "This server makes as many exports as it can. Try again in a moment.",
        error_type="server_error",
        headers={"Retry-After": "5"},
    )


def _nobody_reads() -> ApiError:
    """For the log, where it is no failure of the server: there is nobody to be answered."""
    return ApiError(499, "client_left", "The download was given up before it was complete.")
