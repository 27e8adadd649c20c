"""A provider that costs next to nothing: one fixed answer, one fixed stream."""

import asyncio
import json
import sys

import uvloop

CHUNKS = 50
_USAGE = {"prompt_tokens": 200, "completion_tokens": 50, "total_tokens": 250}
_TEXT = "A fixed answer of about one and a half kilobytes. " * 22


def _answer() -> bytes:
    message = {"role": "assistant", "content": _TEXT}
    body = json.dumps(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-4o-mini",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": _USAGE,
        }
    ).encode()
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        % (len(body))
        + body
    )


def _chunk(choices: list[object], usage: object = None) -> bytes:
    data = json.dumps({"id": "c", "object": "chunk", "choices": choices, "usage": usage}).encode()
    event = b"data: " + data + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(event), event)


def _stream() -> list[bytes]:
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    word = _chunk([{"index": 0, "delta": {"content": " word"}, "finish_reason": None}])
    finish = _chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    end = _chunk([], _USAGE) + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
    return [head + word, *[word] * (CHUNKS - 2), finish + end]


ANSWER, STREAM = _answer(), _stream()


class Provider(asyncio.Protocol):
    """Answers each request with a body of known length; the body is not looked at."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, separator, rest = self.buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        if b'"stream"' in rest[:length]:
            self.write_next(0)
        else:
            self.transport.write(ANSWER)  # type: ignore[attr-defined]

    def write_next(self, position: int) -> None:
        """One piece each turn of the loop, so that pieces arrive apart."""
        self.transport.write(STREAM[position])  # type: ignore[attr-defined]
        if position + 1 < len(STREAM):
            asyncio.get_running_loop().call_later(0.002, self.write_next, position + 1)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve())
