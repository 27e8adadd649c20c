"""Puts a fixed number of calls on a server, some at a time, and prints how long they took."""

import argparse
import asyncio
import json
import sys
import time
from urllib.parse import urlsplit

import uvloop


def request(url: str, key: str, *, stream: bool) -> bytes:
    """A request of about one kilobyte."""
    fields = {"model": "gpt-4o-mini", "max_tokens": 100}
    fields["messages"] = [{"role": "user", "content": "Words of a prompt. " * 45}]
    if stream:
        fields["stream"] = True
    body = json.dumps(fields).encode()
    target = urlsplit(url)
    head = (
        f"POST {target.path}/chat/completions HTTP/1.1\r\nHost: {target.netloc}\r\n"
        f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        f"User-Agent: bench\r\nAccept: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Client(asyncio.Protocol):
    """One connection, one call after the other."""

    def __init__(self, data: bytes, left: list[int], done: asyncio.Future[None]) -> None:
        self.data, self.left, self.done = data, left, done
        self.buffer = b""
        self.latencies: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        if self.left[0] <= 0:
            if not self.done.done():
                self.done.set_result(None)
            return
        self.left[0] -= 1
        self.started = time.perf_counter()
        self.transport.write(self.data)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.is_whole():
            return
        if not self.buffer.startswith(b"HTTP/1.1 200"):
            sys.exit(f"not a 200: {self.buffer[:500]!r}")
        self.buffer = b""
        self.latencies.append(time.perf_counter() - self.started)
        self.send()

    def is_whole(self) -> bool:
        head, separator, rest = self.buffer.partition(b"\r\n\r\n")
        if not separator:
            return False
        lowered = head.lower()
        if b"content-length:" in lowered:
            return len(rest) >= int(lowered.split(b"content-length:")[1].split(b"\r\n")[0])
        return rest.endswith(b"0\r\n\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError("the server closed a connection"))


async def run(url: str, key: str, calls: int, at_once: int, *, stream: bool) -> dict[str, float]:
    """Calls per second, and latencies in milliseconds."""
    loop = asyncio.get_running_loop()
    target, left, data = urlsplit(url), [calls], request(url, key, stream=stream)
    started = time.perf_counter()
    clients, ends = [], []
    for _ in range(at_once):
        ends.append(loop.create_future())
        client = Client(data, left, ends[-1])
        clients.append(client)
        await loop.create_connection(lambda c=client: c, target.hostname, target.port)
    await asyncio.gather(*ends)
    seconds = time.perf_counter() - started
    latencies = sorted(one for client in clients for one in client.latencies)
    return {
        "per_s": round(calls / seconds),
        "p50_ms": round(latencies[len(latencies) // 2] * 1000, 2),
        "p99_ms": round(latencies[len(latencies) * 99 // 100] * 1000, 2),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--at-once", type=int, default=32)
    parser.add_argument("--stream", action="store_true")
    given = parser.parse_args()
    result = uvloop.run(run(given.url, given.key, given.calls, given.at_once, stream=given.stream))
    sys.stdout.write(json.dumps(result) + "\n")
