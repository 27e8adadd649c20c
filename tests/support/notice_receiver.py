"""An operator's server for tests: takes webhooks, checks their signatures as the docs say."""

import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

SECRET = b"a secret for webhooks"
TOLERANCE_S = 300


@dataclass
class NoticeReceiver:
    """Where it listens, what it has taken; `refusals` are answered to the next webhooks."""

    url: str = ""
    taken: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    tried: int = 0

    async def receive(self, request: web.Request) -> web.Response:
        """Takes a webhook that is signed and not old."""
        body = await request.read()
        assert is_signed(request.headers["Tollgate-Signature"], body, SECRET)
        self.tried += 1
        if self.refusals:
            return web.Response(status=self.refusals.pop(0))
        self.taken.append(msgspec.json.decode(body))
        return web.Response()


def is_signed(header: str, body: bytes, secret: bytes) -> bool:
    """What a receiver has to check, as the documentation says it."""
    parts = dict(part.split("=", 1) for part in header.split(","))
    expected = hmac.new(secret, parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    is_fresh = abs(time.time() - int(parts["t"])) <= TOLERANCE_S
    return is_fresh and hmac.compare_digest(parts["v1"], expected)


@asynccontextmanager
async def open_notice_receiver() -> AsyncIterator[NoticeReceiver]:
    """A receiver on a port of this machine."""
    receiver = NoticeReceiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.receive)
    async with TestServer(app) as server:
        receiver.url = str(server.make_url("/hook"))
        yield receiver
