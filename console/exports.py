"""The exports that there are, ready to be written: of operators, and of accounts' own rows."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from console.export_tables import LEDGER, OWN_LEDGER, OWN_USAGE, USAGE
from ledger.exports.columns import Table
from ledger.exports.export import Batches, Export
from ledger.exports.formats import Format, Writer
from ledger.exports.journal import EXTENSION, MEDIA_TYPE, JournalWriter
from ledger.exports.selection import Selection
from ledger.exports.snapshot import Snapshot
from ledger.pages import Window
from ledger.reports import EntryFilter, UsageFilter


def usage_export(selection: Selection, file_format: Format) -> Export:
    """All usage rows, oldest first."""
    return Export(
        file_name=selection.file_name("usage", file_format.extension),
        media_type=file_format.media_type,
        rows=lambda snapshot: snapshot.usage(selection),
        count=lambda snapshot: snapshot.count_usage(selection),
        writer=_writer_of(file_format, USAGE),
    )


def ledger_export(selection: Selection, file_format: Format) -> Export:
    """All ledger entries, oldest first."""
    return Export(
        file_name=selection.file_name("ledger", file_format.extension),
        media_type=file_format.media_type,
        rows=lambda snapshot: snapshot.entries(selection),
        count=lambda snapshot: snapshot.count_entries(selection),
        writer=_writer_of(file_format, LEDGER),
    )


def journal_export(selection: Selection, credits_per_usd: int) -> Export:
    """The ledger as a journal, which is a format of its own."""

    async def writer(snapshot: Snapshot) -> Writer[Any]:
        return JournalWriter(await snapshot.journal_start(selection), credits_per_usd)

    return Export(
        file_name=selection.file_name("journal", EXTENSION),
        media_type=MEDIA_TYPE,
        rows=lambda snapshot: snapshot.entries(selection),
        count=lambda snapshot: snapshot.count_entries(selection),
        writer=writer,
    )


def own_usage_export(
    wanted: UsageFilter, window: Window, limit: int | None, file_format: Format
) -> Export:
    """An account's calls as its list shows them, newest first."""
    return _own_export(
        "usage",
        window,
        file_format,
        OWN_USAGE,
        lambda snapshot: snapshot.listed_usage(wanted, window, limit),
    )


def own_ledger_export(
    wanted: EntryFilter, window: Window, limit: int | None, file_format: Format
) -> Export:
    """An account's entries as its list shows them, newest first."""
    return _own_export(
        "ledger",
        window,
        file_format,
        OWN_LEDGER,
        lambda snapshot: snapshot.listed_entries(wanted, window, limit),
    )


# Those that come in formats of tables, by the name that people ask for.
TABLES: Mapping[str, Callable[[Selection, Format], Export]] = {
    "usage": usage_export,
    "ledger": ledger_export,
}


def _own_export(
    what: str,
    window: Window,
    file_format: Format,
    table: Table[Any],
    rows: Callable[[Snapshot], Batches],
) -> Export:
    selection = Selection(start=window.start, end=window.end)
    return Export(
        file_name=selection.file_name(what, file_format.extension),
        media_type=file_format.media_type,
        rows=rows,
        writer=_writer_of(file_format, table),
    )


def _writer_of(
    file_format: Format, table: Table[Any]
) -> Callable[[Snapshot], Awaitable[Writer[Any]]]:
    async def writer(_: Snapshot) -> Writer[Any]:
        return file_format.writer(table)

    return writer
