"""Sending an answer, whole or with the faults that were asked for."""

import asyncio
import gzip
import itertools
import socket
import struct
import zlib
from collections.abc import Iterable, Iterator

import msgspec
from aiohttp import web

from deploy.local.pretend_provider.errors import broken_off
from deploy.local.pretend_provider.knobs import Knobs

# Without a delay, so many events share a write: as cheap as a stream can be.
_EVENTS_A_WRITE = 16
# No event ends where a piece of these sizes does, but by chance.
_ODD_SIZES = (1, 7, 61, 2, 127, 3, 29, 211)
# A reset destroys what the peer has not read, so it is given the time to read.
_PAUSE_BEFORE_RESET_S = 0.05
_GZIP_FORMAT = 16 + zlib.MAX_WBITS


async def send_json(request: web.Request, body: bytes, knobs: Knobs) -> web.StreamResponse:
    """Send a JSON answer, or the part of it that `cut_after` or `reset_after` leaves."""
    headers = {"Content-Type": "application/json"}
    if knobs.gzip:
        body = gzip.compress(body)
        headers["Content-Encoding"] = "gzip"
    after = knobs.cut_after if knobs.reset_after is None else knobs.reset_after
    if after is None:
        return web.Response(body=body, headers=headers)
    response = web.StreamResponse(headers=headers)
    response.content_length = len(body)
    response.force_close()
    return await _send(request, response, [body[: len(body) // 2]] if after else [], knobs)


async def send_stream(
    request: web.Request, events: list[bytes], knobs: Knobs
) -> web.StreamResponse:
    """Send the events of a stream and its end, or what the knobs make of them."""
    headers = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
    pieces = _pieces(_frames(events, knobs), knobs)
    if knobs.gzip:
        headers["Content-Encoding"] = "gzip"
        pieces = _zipped(pieces)
    return await _send(request, web.StreamResponse(headers=headers), pieces, knobs)


async def _send(
    request: web.Request, response: web.StreamResponse, pieces: Iterable[bytes], knobs: Knobs
) -> web.StreamResponse:
    try:
        await response.prepare(request)
        for index, piece in enumerate(pieces):
            if index:
                await asyncio.sleep(knobs.chunk_delay_s)
            await response.write(piece)
        if knobs.reset_after is not None:
            await _reset(request)
    except ConnectionResetError:
        # The client has left, as clients may. The rest has no reader.
        response.force_close()
    return response


def _frames(events: list[bytes], knobs: Knobs) -> list[bytes]:
    """The events as they are written, up to the fault that was asked for, else with the end."""
    faults = (knobs.reset_after, knobs.error_after, knobs.cut_after)
    after = next((fault for fault in faults if fault is not None), None)
    if after is not None:
        events = events[:after]
    elif not knobs.no_done:
        events = [*events, b"[DONE]"]
    if knobs.reset_after is None and knobs.error_after is not None:
        events = [*events, msgspec.json.encode(broken_off().envelope)]
    end = b"\r\n\r\n" if knobs.crlf else b"\n\n"
    return [b"data: " + event + end for event in events]


def _pieces(frames: list[bytes], knobs: Knobs) -> Iterator[bytes]:
    """The bytes of each write."""
    if knobs.split:
        yield from _odd_pieces(b"".join(frames))
    elif knobs.chunk_delay_s:
        yield from frames
    else:
        for start in range(0, len(frames), _EVENTS_A_WRITE):
            yield b"".join(frames[start : start + _EVENTS_A_WRITE])


def _odd_pieces(content: bytes) -> Iterator[bytes]:
    sizes = itertools.cycle(_ODD_SIZES)
    start = 0
    while start < len(content):
        size = next(sizes)
        yield content[start : start + size]
        start += size


def _zipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Each piece can be read when it arrives, as a server does that streams."""
    compressor = zlib.compressobj(wbits=_GZIP_FORMAT)
    for piece in pieces:
        yield compressor.compress(piece) + compressor.flush(zlib.Z_SYNC_FLUSH)
    yield compressor.flush()


async def _reset(request: web.Request) -> None:
    await asyncio.sleep(_PAUSE_BEFORE_RESET_S)
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
