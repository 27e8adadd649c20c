"""Runs the application so that also what aiohttp refuses by itself is told in our envelope."""

from collections.abc import Coroutine
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from console.errors import ApiError
from console.identity import REQUEST_ID
from ledger.ids import new_id

KEEPALIVE_S = 75.0

_log = structlog.get_logger(__name__)


class Runner(web.AppRunner):
    """An application's runner. A coded body is not decoded: it is refused, or no JSON."""

    def __init__(
        self,
        app: web.Application,
        *,
        shutdown_timeout: float,
        keepalive_timeout: float = KEEPALIVE_S,
    ) -> None:
        super().__init__(
            app,
            access_log=None,
            auto_decompress=False,
            shutdown_timeout=shutdown_timeout,
            keepalive_timeout=keepalive_timeout,
        )

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(made.request_handler, request_factory=made.request_factory, **self._kwargs)


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(web.RequestHandler):
    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        """Takes bytes; a request whose body's framing breaks is told so, and does not wait on."""
        super().data_received(data)
        request = self._current_request
        if request is None or not self._messages:
            return
        if not isinstance(self._messages[-1][0], RawRequestMessage):  # but an error of parsing
            request.content.set_exception(web.RequestPayloadError())
            request.content.feed_eof()
            self._messages.pop()
            self.close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to a request that could not be read, or whose handler broke."""
        if not isinstance(exc, HttpProcessingError):
            told = super().handle_error(request, status, exc, message)  # logs it
            return _response(request, _failure(told.status))
        # Its bytes may have a key in them: they are not logged.
        _log.info("bad_request", reason=type(exc).__name__)
        return _response(request, _refusal(exc))

    def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> Coroutine[Any, Any, tuple[web.StreamResponse, bool]]:
        """Ends an answer; `Expect` is refused before any middleware could tell it well."""
        if isinstance(resp, web.HTTPException) and resp.status >= 400:
            message = f"{resp.reason}."
            resp = _response(request, ApiError(resp.status, "http_error", message))
        return super().finish_response(request, resp, start_time)


def _refusal(error: HttpProcessingError) -> ApiError:
    if isinstance(error, LineTooLong) or error.message.startswith("Too many headers"):
        message = "The request's URL or headers are too large."
        return ApiError(431, "request_headers_too_large", message)
    return ApiError(400, "bad_request", "The request is not valid HTTP.")


def _failure(status: int) -> ApiError:
    message = "Something went wrong on this server."
    return ApiError(status, "internal_error", message, error_type="api_error")


def _response(request: web.BaseRequest, error: ApiError) -> web.Response:
    request_id = request.setdefault(REQUEST_ID, new_id())
    response = web.Response(
        status=error.status,
        headers={**error.headers, "x-request-id": request_id, "Server": "tollgate"},
        body=error.encode(),
        content_type="application/json",
    )
    response.force_close()
    return response
