"""A client that speaks HTTP byte by byte, and sees how an answer really ends."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tests.support.stack import Customer, Stack
from tests.support.waiting import PATIENCE_S


class RawAnswer(msgspec.Struct, frozen=True):
    """An answer. `is_whole` says whether its framing was brought to its end."""

    status: int
    headers: dict[str, str]
    body: bytes
    is_whole: bool

    def json(self) -> dict[str, Any]:
        decoded: dict[str, Any] = json.loads(self.body)
        return decoded


class RawCall:
    """One request on a connection of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.received = b""

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def until(self, mark: bytes) -> bytes:
        """Reads until the mark has come; all bytes so far, framing included."""
        async with asyncio.timeout(PATIENCE_S):
            while mark not in self.received:
                piece = await self._reader.read(65_536)
                assert piece, f"{mark!r} never came: {self.received[-500:]!r}"
                self.received += piece
        return self.received

    async def answer(self) -> RawAnswer:
        """Reads to the end of the answer, or of the connection."""
        async with asyncio.timeout(PATIENCE_S):
            while not (read := _read_answer(self.received, at_end=False)):
                try:
                    piece = await self._reader.read(65_536)
                except ConnectionError:
                    piece = b""
                if not piece:
                    read = _read_answer(self.received, at_end=True)
                    break
                self.received += piece
        assert read is not None, f"no answer: {self.received!r}"
        return read

    async def read(self) -> bytes:
        """What has come, and nothing at the end of the connection."""
        return await self._reader.read(65_536)

    async def wait_until_closed(self) -> None:
        """Waits until the server ends the connection."""
        async with asyncio.timeout(PATIENCE_S):
            while await self._reader.read(65_536):
                pass

    def leave(self) -> None:
        """Goes away in the middle, as a process that is killed does."""
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


@asynccontextmanager
async def raw_connection(url: str, *, buffer_bytes: int | None = None) -> AsyncIterator[RawCall]:
    """A connection to a server; `buffer_bytes` bounds what the machine keeps unread for us."""
    address = urlsplit(url)
    connection = socket.socket()
    connection.setblocking(False)
    limit = 65_536
    if buffer_bytes is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        limit = 1024
    await asyncio.get_running_loop().sock_connect(connection, (address.hostname, address.port))
    reader, writer = await asyncio.open_connection(sock=connection, limit=limit)
    try:
        yield RawCall(reader, writer)
    finally:
        writer.close()


@asynccontextmanager
async def raw_call(
    stack: Stack, customer: Customer, body: object, headers: Mapping[str, str] | None = None
) -> AsyncIterator[RawCall]:
    """A chat completion that was sent, on a connection of its own."""
    async with raw_connection(stack.url) as call:
        await call.send(request_bytes(customer, body, headers))
        yield call


def request_bytes(
    customer: Customer,
    body: object,
    headers: Mapping[str, str] | None = None,
    *,
    version: str = "1.1",
    target: str = "/v1/chat/completions",
) -> bytes:
    """A whole request. `headers` are added, and replace the usual ones."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    usual = {
        "Host": "tollgate",
        "Authorization": f"Bearer {customer.key}",
        "Content-Type": "application/json",
        "Content-Length": str(len(data)),
    }
    lines = [f"POST {target} HTTP/{version}"]
    lines += [f"{name}: {value}" for name, value in {**usual, **(headers or {})}.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + data


def _read_answer(received: bytes, *, at_end: bool) -> RawAnswer | None:
    """The answer, if it is complete, or if no more will come."""
    head, separator, rest = received.partition(b"\r\n\r\n")
    if not separator:
        return None
    status_line, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    if "chunked" in headers.get("transfer-encoding", ""):
        body, is_whole = _dechunk(rest)
    elif "content-length" in headers:
        body, is_whole = rest, len(rest) >= int(headers["content-length"])
    else:
        body, is_whole = rest, at_end
    if not is_whole and not at_end:
        return None
    return RawAnswer(int(status_line.split(" ")[1]), headers, body, is_whole)


def _dechunk(data: bytes) -> tuple[bytes, bool]:
    body = b""
    while True:
        size, separator, rest = data.partition(b"\r\n")
        if not separator:
            return body, False
        length = int(size, 16)
        if length == 0:
            return body, rest == b"\r\n"
        if len(rest) < length + 2:
            return body + rest[:length], False
        body += rest[:length]
        data = rest[length + 2 :]
