"""A provider that answers when a test lets it, and counts what reaches it."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.up import Up

GATE = "x-gate"
INPUT_TOKENS, OUTPUT_TOKENS = 100, 50
CHARGE_MC = 720  # of gpt-4o-mini: 100 x 2.4 + 50 x 9.6

_USAGE = {
    "prompt_tokens": INPUT_TOKENS,
    "completion_tokens": OUTPUT_TOKENS,
    "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
}


class GatedProvider:
    """Answers at once, but for calls with a header `x-gate`: those wait until it is opened.

    An answer that is no stream waits before it begins; a stream after its first words. Calls are
    counted by their gate; those without one, as "".
    """

    def __init__(self) -> None:
        self.url = ""
        self.calls: Counter[str] = Counter()
        self._gates: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._gates[""].set()

    def open(self, gate: str) -> None:
        """Lets everybody through, also those still to come."""
        self._gates[gate].set()

    def open_all(self) -> None:
        """Keeps nobody any longer."""
        for gate in self._gates.values():
            gate.set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One chat completion."""
        gate = request.headers.get(GATE, "")
        self.calls[gate] += 1
        asked = await request.json()
        if asked.get("stream"):
            return await self._stream(request, gate)
        await self._gates[gate].wait()
        message = {"role": "assistant", "content": "Said when it was let."}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return web.json_response(_object("chat.completion", choices=[choice], usage=_USAGE))

    async def _stream(self, request: web.Request, gate: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            await response.write(_event(_delta({"role": "assistant", "content": "First words. "})))
            await self._gates[gate].wait()
            await response.write(_event(_delta({"content": "Last words."})))
            await response.write(_event(_delta({}, finish_reason="stop")))
            await response.write(_event(_object("chat.completion.chunk", choices=[], usage=_USAGE)))
            await response.write(b"data: [DONE]\n\n")
        except ConnectionError:  # the call was cut meanwhile
            return response
        return response


@asynccontextmanager
async def running_provider() -> AsyncIterator[GatedProvider]:
    """A provider on a port of its own."""
    provider = GatedProvider()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", provider.answer)
    server = TestServer(app)
    async with server:
        provider.url = str(server.make_url("/v1"))
        try:
            yield provider
        finally:
            provider.open_all()


@asynccontextmanager
async def running_beside(
    provider: GatedProvider, state: Path, **variables: str
) -> AsyncIterator[Up]:
    """A stack in front of a provider, which goes on answering while the stack is stopped."""
    up = Up(state, OPENAI_BASE_URL=provider.url, **variables)
    try:
        up.wait_until_it_serves()
        yield up
    finally:
        provider.open_all()
        if up.process.poll() is None:
            await asyncio.to_thread(up.stop)


def _object(kind: str, **fields: object) -> dict[str, object]:
    return {"id": "chatcmpl-gated", "object": kind, "created": 1, "model": "gpt-4o-mini", **fields}


def _delta(delta: dict[str, str], finish_reason: str | None = None) -> dict[str, object]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return _object("chat.completion.chunk", choices=[choice], usage=None)


def _event(fields: dict[str, object]) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"
