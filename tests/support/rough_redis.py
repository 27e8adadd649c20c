"""A Redis that a test can rename, age, take away, or deprive of its answers."""

import asyncio
from collections.abc import Sequence

from ledger.errors import RedisUnavailableError
from ledger.holds import Holds, Settled
from ledger.pipeline import Pipeline, Reply
from ledger.records import UsageRecord
from ledger.scripts import Script


class NamedRedis:
    """The pipeline to a Redis of which the test says who it is, how old, and whether it is away."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self.run_id = "first"
        self.uptime_s = 1e9
        self.is_away = False

    async def command(self, name: str, *arguments: str | int) -> Reply:
        if self.is_away:
            raise RedisUnavailableError("away")
        if name == "INFO":
            return {"run_id": self.run_id, "uptime_in_seconds": self.uptime_s}
        return await self._pipeline.command(name, *arguments)

    async def run(
        self, script: Script, keys: Sequence[str], arguments: Sequence[str | int | bytes]
    ) -> Reply:
        return await self._pipeline.run(script, keys, arguments)


class RoughHolds:
    """Holds whose Redis is away for a while, or whose answers get lost or stuck on the way."""

    def __init__(self, holds: Holds) -> None:
        self._holds = holds
        self.is_away = False
        self.loses_answers = False
        self.lets_answers_pass = asyncio.Event()
        self.lets_answers_pass.set()
        self.asked: list[tuple[UsageRecord, bool]] = []

    async def settle(self, record: UsageRecord, *, undelivered: bool = False) -> Settled:
        self.asked.append((record, undelivered))
        if self.is_away:
            raise RedisUnavailableError("away", was_sent=False)
        settled = await self._holds.settle(record, undelivered=undelivered)
        await self.lets_answers_pass.wait()
        if self.loses_answers:
            raise RedisUnavailableError("no answer")
        return settled
