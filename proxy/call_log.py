"""One structured line for each request: what it was, what it cost, how long it took. No secrets."""

import time
from typing import Any

import structlog
from aiohttp import web

from console.identity import IDENTITY, REQUEST_ID
from proxy.calls.call import Call
from proxy.reserving import HeldCall

_log = structlog.get_logger("request")


class CallLog:
    """Gathers what a request's line says while the request goes its way."""

    def __init__(self) -> None:
        self._started_s = time.perf_counter()
        self._answered_s: float | None = None
        self._call: Call | None = None
        self._upstream_status: int | None = None
        self.held: HeldCall | None = None
        self.error_code: str | None = None

    def read(self, call: Call) -> None:
        """The call is understood."""
        self._call = call

    def answered(self, upstream_status: int) -> None:
        """The provider has begun its answer."""
        self._upstream_status = upstream_status
        self._answered_s = time.perf_counter()

    def write(self, request: web.Request, status: int) -> None:
        """Writes the line."""
        identity = request.get(IDENTITY)
        _log.info(
            "request",
            request_id=request[REQUEST_ID],
            method=request.method,
            path=request.path,
            status=status,
            error=self.error_code,
            account_id=identity and identity.account_id,
            key=identity and identity.key_prefix,
            duration_ms=_milliseconds(self._started_s, time.perf_counter()),
            **self._of_call(),
        )

    def _of_call(self) -> dict[str, Any]:
        if self._call is None:
            return {}
        said: dict[str, Any] = {"model": self._call.model.name, "stream": self._call.is_stream}
        if self._answered_s is not None:
            said["upstream_status"] = self._upstream_status
            said["upstream_ms"] = _milliseconds(self._started_s, self._answered_s)
        if self.held is not None:
            said["ceiling_mc"] = self.held.quoted.ceiling_mc
            record = self.held.record
            if record is not None:
                said |= {
                    "charge_mc": record.charge_mc,
                    "units": record.units,
                    "basis": record.basis,
                    "outcome": record.status,
                }
        return said


CALL_LOG = web.RequestKey("call_log", CallLog)


def _milliseconds(start_s: float, end_s: float) -> int:
    return round((end_s - start_s) * 1000)
