"""Reads a request's body, bounded in size and in time."""

import asyncio

from aiohttp import web

from console.errors import ApiError


async def read_body(request: web.Request, max_bytes: int, wait_s: float) -> bytes:
    """The body's bytes.

    Raises:
        ApiError: 400 broken off, 408 too slow, 413 too large, 415 encoded.
    """
    given = ",".join(request.headers.getall("Content-Encoding", ()))
    if given and any(name.strip().lower() not in ("", "identity") for name in given.split(",")):
        message = f"Content-Encoding {given!r} is not accepted: send the body as it is."
        raise ApiError(415, "unsupported_encoding", message, param="Content-Encoding")
    if (request.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    try:
        async with asyncio.timeout(wait_s):
            return await _read(request, max_bytes)
    except (ConnectionError, web.RequestPayloadError):
        raise ApiError(400, "body_broken_off", "The request body has no end.") from None
    except TimeoutError:
        raise ApiError(
            408, "request_timeout", "The request body came too slowly.", headers=_CLOSE
        ) from None


async def _read(request: web.Request, max_bytes: int) -> bytes:
    pieces = []
    size = 0
    async for piece in request.content.iter_any():
        size += len(piece)
        if size > max_bytes:
            raise _too_large(max_bytes)
        pieces.append(piece)
    return b"".join(pieces)


_CLOSE = {"Connection": "close"}


def _too_large(max_bytes: int) -> ApiError:
    message = f"The request body is larger than {max_bytes} bytes."
    return ApiError(413, "request_too_large", message, param="body", headers=_CLOSE)
