"""One pipeline to Redis that batches by itself: calls made during a round trip leave together."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from operator import index
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    ClusterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from ledger.errors import RedisUnavailableError
from ledger.scripts import Script

Reply = Any
LARGEST_BATCH = 512
TIMEOUT_S = 3.0

# No answer, and no way to know whether there was one.
_AWAY = (RedisError, OSError, TimeoutError)

# Answers of a Redis that is there and has done nothing: by class, and by the word they begin with.
_REFUSALS = (ClusterDownError, NoPermissionError, NoScriptError, OutOfMemoryError, ReadOnlyError)
_REFUSAL_WORDS = ("BUSY", "MISCONF", "NOREPLICAS")


@asynccontextmanager
async def open_pipeline(
    redis_url: str, *, timeout_s: float = TIMEOUT_S
) -> AsyncIterator["Pipeline"]:
    """A pipeline with a connection of its own. Retries are its callers' business."""
    redis = Redis.from_url(
        redis_url,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
    )
    pipeline = Pipeline(redis, timeout_s)
    try:
        yield pipeline
    finally:
        await pipeline.close()
        await redis.aclose()


class _Call:
    __slots__ = ("arguments", "reply", "script")

    def __init__(
        self, name: str, arguments: Sequence[str | int | bytes], script: Script | None
    ) -> None:
        # Encoded here: what cannot be sent is its caller's mistake alone.
        self.arguments = (name, *map(_encoded, arguments))
        self.script = script
        self.reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()


class Pipeline:
    """Runs commands and scripts; scripts that Redis has forgotten are loaded again."""

    def __init__(self, redis: Redis, timeout_s: float) -> None:
        self._redis = redis
        self._timeout_s = timeout_s
        self._waiting: list[_Call] = []
        self._running: asyncio.Task[None] | None = None
        self._is_away = True

    def run(
        self, script: Script, keys: Sequence[str], arguments: Sequence[str | int | bytes]
    ) -> asyncio.Future[Reply]:
        """The script's reply.

        Raises:
            RedisUnavailableError: there was no answer; what was asked may have happened.
        """
        called = (script.digest, len(keys), *keys, *arguments)
        return self._add(_Call("EVALSHA", called, script))

    def command(self, name: str, *arguments: str | int | bytes) -> asyncio.Future[Reply]:
        """A plain command's reply; raises as `run` does."""
        return self._add(_Call(name, arguments, None))

    async def close(self) -> None:
        """Waits for what is under way. The Redis client is its owner's to close."""
        if self._running:
            await self._running

    def _add(self, call: _Call) -> asyncio.Future[Reply]:
        self._waiting.append(call)
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._drain())
        return call.reply

    async def _drain(self) -> None:
        try:
            while self._waiting:
                if self._is_away:
                    await self._come_back()
                else:
                    batch = self._waiting[:LARGEST_BATCH]
                    del self._waiting[:LARGEST_BATCH]
                    await self._send(batch)
        finally:
            self._running = None

    async def _come_back(self) -> None:
        """Asks a Redis that was away whether it is there; if not, nobody stands in line for it."""
        try:
            await self._round_trip([("PING",)])
            self._is_away = False
        except _AWAY as error:
            # Nothing of this was sent, so it is known not to have happened.
            waiting, self._waiting = self._waiting, []
            _answer_all(waiting, error, was_sent=False)

    async def _send(self, batch: list[_Call]) -> None:
        try:
            replies = await self._round_trip([call.arguments for call in batch])
            forgotten = [
                call
                for call, reply in zip(batch, replies, strict=True)
                if isinstance(reply, NoScriptError)
            ]
            for call, reply in zip(batch, replies, strict=True):
                if not isinstance(reply, NoScriptError):
                    _answer(call, reply)
            if forgotten:
                # One that its caller has given up has not happened yet: what its caller has asked
                # for instead must not be overtaken by it.
                await self._load_and_send([call for call in forgotten if not call.reply.done()])
        except _AWAY as error:
            self._is_away = True
            _answer_all(batch, error, was_sent=True)
        except BaseException:
            self._is_away = True
            _answer_all(batch, ConnectionAbortedError("the pipeline has ended"), was_sent=True)
            raise

    async def _load_and_send(self, batch: list[_Call]) -> None:
        scripts = {call.script for call in batch if call.script}
        await self._round_trip([("SCRIPT", "LOAD", script.text) for script in scripts])
        replies = await self._round_trip([call.arguments for call in batch])
        for call, reply in zip(batch, replies, strict=True):
            _answer(call, reply)

    async def _round_trip(self, commands: Sequence[Sequence[Any]]) -> list[Reply]:
        pipe = self._redis.pipeline(transaction=False)
        for arguments in commands:
            pipe.execute_command(*arguments)
        async with asyncio.timeout(self._timeout_s):
            replies: list[Reply] = await pipe.execute(raise_on_error=False)
        return replies


def _encoded(argument: str | int | bytes) -> bytes:
    if isinstance(argument, bytes):
        return argument
    return argument.encode() if isinstance(argument, str) else b"%d" % index(argument)


def _answer(call: _Call, reply: Reply) -> None:
    if call.reply.done():  # its caller was cancelled
        return
    if isinstance(reply, ResponseError):
        refused = isinstance(reply, _REFUSALS) or str(reply).startswith(_REFUSAL_WORDS)
        reply = RedisUnavailableError(str(reply), was_sent=not refused)
    if isinstance(reply, Exception):
        call.reply.set_exception(reply)
    else:
        call.reply.set_result(reply)


def _answer_all(batch: Sequence[_Call], error: Exception, *, was_sent: bool) -> None:
    reason = str(error) or type(error).__name__
    for call in batch:
        _answer(call, RedisUnavailableError(reason, was_sent=was_sent))
