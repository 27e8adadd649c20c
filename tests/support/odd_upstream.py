"""Providers that do exactly one odd thing: raw TCP servers that a test writes in a few lines."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field

from tests.support.ports import OwnPort
from tests.support.waiting import give_turns

END = b"0\r\n\r\n"  # of a chunked answer


@dataclass(frozen=True)
class Seen:
    """A request as it reached a provider."""

    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> list[str]:
        """All values of a header."""
        return [value for given, value in self.headers if given.lower() == name]


class Peer:
    """The connection of one request, for a provider to do with as it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, *data: bytes) -> None:
        """Sends bytes as they are."""
        self._writer.write(b"".join(data))
        await self._writer.drain()

    async def send_chunk(self, data: bytes) -> None:
        """Sends a piece of a chunked answer."""
        await self.send(chunk(data))

    async def reset(self) -> None:
        """Ends the connection with RST."""
        await give_turns()  # what was sent is read first
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def wait_until_left(self) -> None:
        """Waits until the other side closes."""
        await self._reader.read()


Act = Callable[[Peer], Awaitable[None]]


@dataclass
class OddUpstream:
    """A running provider, and what has reached it."""

    url: str = ""
    requests: list[Seen] = field(default_factory=list)


@asynccontextmanager
async def odd_upstream(act: Act) -> AsyncIterator[OddUpstream]:
    """A provider that reads each request whole, acts, and closes the connection."""
    odd = OddUpstream()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            odd.requests.append(await _read_request(reader))
            await act(Peer(reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the other side has left, as it may
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    odd.url = f"http://127.0.0.1:{port}/v1"
    try:
        yield odd
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def unused_url() -> AsyncIterator[str]:
    """Where nobody listens."""
    with closing(OwnPort()) as port:
        yield f"{port.url}/v1"


def head(status: int = 200, *headers: str) -> bytes:
    """The head of an answer: `head(200, "Content-Type: text/plain")`."""
    return "\r\n".join([f"HTTP/1.1 {status} Odd", *headers, "", ""]).encode("latin-1")


def whole(body: bytes, *headers: str, status: int = 200) -> bytes:
    """A complete answer of a known length; JSON unless a header says otherwise."""
    if not any(header.lower().startswith("content-type") for header in headers):
        headers = (*headers, "Content-Type: application/json")
    return head(status, f"Content-Length: {len(body)}", *headers) + body


def chunked_head(content_type: str = "application/json", *headers: str) -> bytes:
    """The head of an answer of unknown length."""
    return head(200, f"Content-Type: {content_type}", "Transfer-Encoding: chunked", *headers)


def stream_head(*headers: str) -> bytes:
    """The head of a stream of events."""
    return chunked_head("text/event-stream", *headers)


def chunk(data: bytes) -> bytes:
    """A piece of a chunked answer."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def completion(content: str = "Hello.", **fields: object) -> bytes:
    """A small JSON answer without usage."""
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    kind = {"id": "chatcmpl-odd", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini"}
    return json.dumps({**kind, "choices": [choice], **fields}).encode()


def event(data: bytes | dict[str, object], end: bytes = b"\n") -> bytes:
    """A server-sent event with one line of data."""
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    return b"data: " + text + end + end


def delta(content: str | None, finish: str | None = None, **fields: object) -> dict[str, object]:
    """A chunk of a stream that says something, or ends."""
    said = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": said, "finish_reason": finish}
    return {"object": "chat.completion.chunk", "choices": [choice], **fields}


def usage(input_tokens: int, output_tokens: int) -> dict[str, int]:
    """A usage object."""
    return {
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
    }


async def _read_request(reader: asyncio.StreamReader) -> Seen:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    target = lines[0].split(" ")[1]
    headers = [(name, value.strip()) for name, _, value in (x.partition(":") for x in lines[1:-2])]
    length = next(int(value) for name, value in headers if name.lower() == "content-length")
    return Seen(target, headers, await reader.readexactly(length))
