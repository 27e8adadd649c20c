"""An export: rows out of one snapshot, through a writer, perhaps gzipped, as pieces of a file."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any

import asyncpg
import msgspec

from ledger.exports.compression import gzipped
from ledger.exports.formats import Writer
from ledger.exports.snapshot import Snapshot, open_snapshot

# Told how many rows are written, and of how many.
Progress = Callable[[int, int], None]
Batches = AsyncIterator[Sequence[Any]]


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """What is exported: where rows come from, and what makes a file of them.

    Without a `count` nobody is told of progress.
    """

    file_name: str
    media_type: str
    rows: Callable[[Snapshot], Batches]
    writer: Callable[[Snapshot], Awaitable[Writer[Any]]]
    count: Callable[[Snapshot], Awaitable[int]] | None = None
    is_gzipped: bool = False

    @property
    def is_binary(self) -> bool:
        """Whether it is nothing for a terminal."""
        return self.is_gzipped or not self.media_type.startswith(("text/", "application/x-ndjson"))


def as_gzip(export: Export) -> Export:
    """The export as a gzip file, which a `.gz` at the end of its name tells."""
    return msgspec.structs.replace(
        export,
        file_name=f"{export.file_name}.gz",
        media_type="application/gzip",
        is_gzipped=True,
    )


async def pieces_of(
    pool: asyncpg.Pool, export: Export, progress: Progress | None = None
) -> AsyncGenerator[bytes, None]:
    """The file in pieces, from rows of one snapshot; to be closed by who reads it.

    Raises:
        DatabaseUnavailableError: Postgres is away or was lost: what came is no whole file.
    """
    written = _written(pool, export, progress)
    async with aclosing(gzipped(written) if export.is_gzipped else written) as pieces:
        async for piece in pieces:
            if piece:
                yield piece


async def _written(
    pool: asyncpg.Pool, export: Export, progress: Progress | None
) -> AsyncGenerator[bytes, None]:
    async with open_snapshot(pool) as snapshot:
        done = 0
        total = await export.count(snapshot) if progress and export.count else None
        writer = await export.writer(snapshot)
        yield writer.head()
        async for rows in export.rows(snapshot):
            yield writer.rows(rows)
            done += len(rows)
            if progress and total is not None:
                progress(done, total)
        yield writer.tail()
