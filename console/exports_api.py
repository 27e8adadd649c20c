"""The books as files, for operators: `/admin/exports/{usage,ledger,journal}`."""

from collections.abc import Callable
from functools import partial

from aiohttp import web

from config.settings import Settings
from console.export_answers import GZIP, ExportAnswers, wants_gzip
from console.exports import TABLES, journal_export
from console.operator_guard import OperatorGuard
from console.paging import ReadFilter, choice_filter, id_filter, read_filters
from ledger.accounts import Accounts
from ledger.exports.export import Export
from ledger.exports.formats import FORMATS, Format
from ledger.exports.selection import Selection

MakeExport = Callable[[Selection, Format], Export]

_FORMAT = {"format": choice_filter(tuple(FORMATS))}
_FILTERS: dict[str, ReadFilter] = {"accountId": id_filter, **GZIP}


class ExportsApi:
    """Exports of any account or of all, oldest first."""

    def __init__(
        self, guard: OperatorGuard, accounts: Accounts, answers: ExportAnswers, settings: Settings
    ) -> None:
        self._guard = guard
        self._accounts = accounts
        self._answers = answers
        self._settings = settings

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application."""
        tables = [
            web.get(f"/admin/exports/{name}", self._guard.guarded(partial(self._table, make)))
            for name, make in TABLES.items()
        ]
        return [*tables, web.get("/admin/exports/journal", self._guard.guarded(self._journal))]

    async def _table(self, make: MakeExport, request: web.Request) -> web.StreamResponse:
        given, selection = await self._selection(request, {**_FILTERS, **_FORMAT})
        file_format = FORMATS[given.get("format", "csv")]
        gzip = wants_gzip(given, file_format)
        return await self._answers.answer(request, make(selection, file_format), gzip=gzip)

    async def _journal(self, request: web.Request) -> web.StreamResponse:
        formats = {"format": choice_filter(("journal",))}
        given, selection = await self._selection(request, {**_FILTERS, **formats})
        export = journal_export(selection, self._settings.credits_per_usd)
        return await self._answers.answer(request, export, gzip=wants_gzip(given))

    async def _selection(
        self, request: web.Request, filters: dict[str, ReadFilter]
    ) -> tuple[dict[str, str], Selection]:
        given, start, end = read_filters(request, filters)
        account_id = given.get("accountId")
        if account_id is not None:
            await self._accounts.get(account_id)
        return dict(given), Selection(account_id=account_id, start=start, end=end)
