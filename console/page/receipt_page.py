"""The receipt of one call: what was used, at which rates, and what that makes."""

import msgspec
from aiohttp import web

from console.page.guard import CUSTOMERS, OPERATORS, Guard
from console.page.visitor import Visitor
from console.pages import Pages
from ledger.api_keys import ApiKeys
from ledger.reports import Reports, RequestUnknownError
from pricing.receipt import receipt_of

_decode_units = msgspec.json.Decoder(dict[str, int]).decode
_decode_rates = msgspec.json.Decoder(dict[str, str]).decode


class ReceiptPage:
    """A page, and what the Credits page shows of it in a dialog."""

    def __init__(self, guard: Guard, pages: Pages, reports: Reports, keys: ApiKeys) -> None:
        self._guard = guard
        self._pages = pages
        self._reports = reports
        self._keys = keys

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application."""
        return self._guard.routes("GET", "/usage/{request_id}", self._show, (CUSTOMERS, OPERATORS))

    async def _show(self, request: web.Request, visitor: Visitor) -> web.Response:
        try:
            call = await self._reports.call(visitor.account_id, request.match_info["request_id"])
        except RequestUnknownError:
            return self._guard.not_found()
        keys = await self._keys.of_account(visitor.account_id)
        return self._pages.html(
            200,
            "receipt.html",
            base=visitor.base,
            call=call,
            receipt=receipt_of(_decode_units(call.units), _decode_rates(call.rates)),
            key_name=next((key.name for key in keys if key.key_id == call.key_id), None),
        )
