"""What every request passes: its log line, the error envelope, and authentication under /v1."""

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from console.errors import ApiError
from console.identity import IDENTITY, REQUEST_ID
from ledger.authentication import Authenticator
from ledger.errors import KeyRevokedError
from ledger.ids import new_id
from ledger.redis_copy import RedisWorkingCopy
from proxy.call_log import CALL_LOG, CallLog
from proxy.errors import KNOWN_ERRORS, as_api_error
from proxy.in_flight import InFlight
from proxy.relay.client_stream import HAS_BEGUN
from proxy.slow_starters import SlowStarters

METERED = "metered"  # the name of routes whose key is checked by their own reserve
_UNLOGGED = frozenset({"/healthz", "/readyz", "/metrics"})
_log = structlog.get_logger(__name__)


def middlewares(
    authenticator: Authenticator,
    working_copy: RedisWorkingCopy,
    in_flight: InFlight,
    slow_starters: SlowStarters,
) -> list[Middleware]:
    """All of them, the outermost first."""
    return [
        log_requests(in_flight, slow_starters),
        envelope_errors,
        authenticate(authenticator, working_copy),
    ]


def log_requests(in_flight: InFlight, slow_starters: SlowStarters) -> Middleware:
    """Gives each request its id, counts it, and writes its line when it has ended."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[REQUEST_ID] = new_id()
        slow_starters.note(request)
        log = request[CALL_LOG] = CallLog()
        status = 500
        with in_flight.counting():
            try:
                response = await _unless_closing(request, handler, in_flight)
                status = response.status
            finally:
                if request.path not in _UNLOGGED:
                    log.write(request, status)
        return response

    return middleware


async def _unless_closing(
    request: web.Request, handler: Handler, in_flight: InFlight
) -> web.StreamResponse:
    if in_flight.is_draining and request.path not in _UNLOGGED:
        return _answer(request, _CLOSING)
    return await handler(request)


@web.middleware
async def envelope_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers every error in OpenAI's envelope; nothing of its inside is told."""
    try:
        return await handler(request)
    except ApiError as error:
        return _answer(request, error)
    except KNOWN_ERRORS as error:
        return _answer(request, as_api_error(error))
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _answer(request, _http_error(request, error))
    except Exception:  # noqa: BLE001 - whatever it is, a client is answered and we are told
        _log.exception("unexpected_error", request_id=request[REQUEST_ID])
        if request.get(HAS_BEGUN) and request.transport:
            request.transport.close()  # a second head must not follow into a begun answer
        return _answer(request, _UNEXPECTED)


def authenticate(authenticator: Authenticator, working_copy: RedisWorkingCopy) -> Middleware:
    """Finds out whose key a request under /v1 has."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        is_known_route = request.match_info.http_exception is None
        if not is_known_route or not request.path.startswith("/v1/"):
            return await handler(request)
        identity = await authenticator.identify(_bearer_key(request))
        if identity is None:
            raise ApiError(
                401,
                "invalid_api_key",
                "Incorrect API key provided. Send it as `Authorization: Bearer sk-tg-…`.",
            )
        request[IDENTITY] = identity
        is_metered = request.match_info.route.name == METERED
        if not is_metered and not await working_copy.key_is_active(
            identity.account_id, identity.key_id
        ):
            raise KeyRevokedError
        return await handler(request)

    return middleware


def _bearer_key(request: web.Request) -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _answer(request: web.Request, error: ApiError) -> web.Response:
    request[CALL_LOG].error_code = error.code
    return web.Response(
        status=error.status,
        headers=error.headers,
        body=error.encode(),
        content_type="application/json",
    )


def _http_error(request: web.Request, error: web.HTTPException) -> ApiError:
    if error.status == 404:
        message = f"Unknown request URL: {request.method} {request.path}."
        return ApiError(404, "unknown_url", message)
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return ApiError(error.status, "http_error", f"{error.reason}.", headers=headers)


async def sign_responses(request: web.Request, response: web.StreamResponse) -> None:
    """Headers of every answer."""
    response.headers["x-request-id"] = request[REQUEST_ID]
    response.headers["Server"] = "tollgate"


_CLOSING = ApiError(
    503,
    "shutting_down",
    "This server is closing; try again.",
    error_type="api_error",
    headers={"retry-after": "1", "Connection": "close"},
)
_UNEXPECTED = ApiError(
    500, "internal_error", "Something went wrong on this server.", error_type="api_error"
)
