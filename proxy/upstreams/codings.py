"""Decodes answers that are coded although identity was asked for, in pieces of bounded size."""

import zlib
from collections.abc import AsyncIterator, Iterable, Iterator

from proxy.upstreams.upstream import UnreadableCodingError

PIECE_BYTES = 256 * 1024
# Nobody codes an answer more often than that; each costs memory.
MOST_CODINGS = 3

_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_GZIP_BEGINS = b"\x1f"
_NAMES = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}


def decoded(values: Iterable[str], blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """An answer's bytes without the codings that its `Content-Encoding` headers name.

    Raises:
        UnreadableCodingError: one is not known; while it is read: the bytes are not so coded.
    """
    given = [name.strip().lower() for value in values for name in value.split(",")]
    names = [name for name in given if name not in ("", "identity")]
    if len(names) > MOST_CODINGS or not _NAMES.keys() >= set(names):
        raise UnreadableCodingError(f"Content-Encoding: {', '.join(names)}")
    for name in reversed(names):  # the last one named was put on last
        blocks = _inflated(_NAMES[name], blocks)
    return blocks


async def _inflated(name: str, blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    inflater = _Inflater(is_gzip=name == "gzip")
    async for block in blocks:
        try:
            for piece in inflater.pieces(block):
                yield piece
        except zlib.error as error:
            raise UnreadableCodingError(f"no {name}: {error}") from error


class _Inflater:
    """Fed with what is coded by zlib, gives what was meant, a bounded piece at a time."""

    def __init__(self, *, is_gzip: bool) -> None:
        self._is_gzip = is_gzip
        self._decoder = zlib.decompressobj(_GZIP_WINDOW) if is_gzip else None

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What can be told by now; raises zlib.error."""
        piece = b""
        while data or len(piece) == PIECE_BYTES:
            decoder = self._decoder_for(data)
            if decoder.eof:
                return  # padding behind the end
            piece = decoder.decompress(data, PIECE_BYTES)
            data = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
            if piece:
                yield piece

    def _decoder_for(self, data: bytes) -> "zlib._Decompress":
        decoder = self._decoder
        if decoder is None:  # some send deflate without the head that belongs to it
            has_head = data[0] & 0x0F == zlib.DEFLATED
            decoder = zlib.decompressobj(zlib.MAX_WBITS if has_head else -zlib.MAX_WBITS)
        elif decoder.eof and self._is_gzip and data.startswith(_GZIP_BEGINS):
            decoder = zlib.decompressobj(_GZIP_WINDOW)  # gzip may be several, one after the other
        self._decoder = decoder
        return decoder
