"""The settlement stream of a partition: what it holds, and how it is acknowledged."""

import asyncio
from collections.abc import Sequence

from ledger.ids import PARTITIONS
from ledger.pipeline import Pipeline
from ledger.redis_keys import account_keys, accounts_pattern, partition_keys
from ledger.scripts import load_script
from ledger.stream_entry import StreamEntry, read_entry


class SettlementStream:
    """Reads and acknowledges the records of all partitions."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._acknowledge = load_script("acknowledge")
        self._mend = load_script("mend")

    async def waiting_partitions(self) -> list[int]:
        """The partitions in which records wait."""
        lengths = [
            self._pipeline.command("XLEN", partition_keys(partition).settlements)
            for partition in range(PARTITIONS)
        ]
        return [number for number, length in enumerate(await asyncio.gather(*lengths)) if length]

    async def read(self, partition: int, count: int) -> list[StreamEntry]:
        """The oldest records of a partition; they stay until they are acknowledged."""
        reply = await self._pipeline.command(
            "XRANGE", partition_keys(partition).settlements, "-", "+", "COUNT", count
        )
        return [read_entry(entry_id, fields) for entry_id, fields in reply]

    async def acknowledge(self, partition: int, entries: Sequence[StreamEntry]) -> None:
        """Forgets records that Postgres has committed; of rejected ones the tombstone stays."""
        shared = partition_keys(partition)
        accounts = sorted({entry.account_id for entry in entries})
        keys = [shared.settlements, shared.position]
        for account_id in accounts:
            of_account = account_keys(account_id)
            keys += [of_account.account, of_account.holds, of_account.rebuild]
        index = {account_id: i for i, account_id in enumerate(accounts)}
        arguments: list[str | int] = [entries[-1].number]
        for entry in entries:
            arguments += [entry.number, index[entry.account_id], entry.request_id, entry.kind]
            arguments.append("1" if entry.is_rejected else "0")
        await self._pipeline.run(self._acknowledge, keys, arguments)

    async def epoch(self, partition: int) -> int:
        """How often the partition has been repaired, as Redis knows it."""
        epoch = await self._pipeline.command("HGET", partition_keys(partition).position, "epoch")
        return int(epoch or 0)

    async def mend(self, partition: int, last_number: int, epoch: int) -> None:
        """Repairs a partition of a Redis that was set back: every account is rebuilt before its
        next call, and numbers go on after `last_number`. `epoch` tells that it was done.
        """
        await self._drop_accounts(partition)
        position = partition_keys(partition).position
        await self._pipeline.run(self._mend, (position,), (last_number, epoch))

    async def _drop_accounts(self, partition: int) -> None:
        cursor = b"0"
        while True:
            cursor, found = await self._pipeline.command(
                "SCAN", cursor, "MATCH", accounts_pattern(partition), "COUNT", 1000
            )
            if found:
                await self._pipeline.command("UNLINK", *found)
            if int(cursor) == 0:
                return
