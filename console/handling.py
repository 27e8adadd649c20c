"""One place where errors of the ledger become answers of the people's APIs."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import structlog
from aiohttp import web

from billing.customer_settings import BadSettingError
from billing.errors import (
    PackageUnknownError,
    PaymentsNotConfiguredError,
    RequestChangedError,
    RequestKeyConflictError,
    StripeRefusedError,
    StripeUnavailableError,
)
from console.errors import ApiError
from ledger.api_keys import BadLimitError, KeyUnknownError
from ledger.chain import BalanceLimitError
from ledger.database import DatabaseUnavailableError
from ledger.errors import AccountUnknownError, RedisUnavailableError
from ledger.posting import BadAmountError, BadPostingError, IdempotencyConflictError
from ledger.reports import RequestUnknownError
from ledger.texts import BadTextError

_log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answering_errors(handler: Handler) -> Handler:
    """The handler, with errors of the ledger raised as `ApiError`."""

    @wraps(handler)
    async def answering(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except KNOWN_ERRORS as error:
            raise as_api_error(error) from error

    return answering


def as_api_error(error: Exception) -> ApiError:
    """What one of `KNOWN_ERRORS` is answered with."""
    return _ANSWERS[type(error)](error)


def bad_value(param: str, reason: str) -> ApiError:
    """A 400 that names the field at fault; `reason` ends the sentence."""
    return ApiError(400, "invalid_value", f"{param} {reason}.", param=param)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _unavailable(code: str, what: str) -> ApiError:
    message = f"{what} cannot be reached now. Try again in a moment."
    return ApiError(503, code, message, error_type="server_error", headers={"Retry-After": "1"})


def _conflict(param: str, message: str) -> ApiError:
    headers = {"x-should-retry": "false"}
    return ApiError(409, "idempotency_conflict", message, param=param, headers=headers)


def _not_configured() -> ApiError:
    return ApiError(
        503,
        "payments_not_configured",
        "Credits cannot be bought here: this server's operator has set up no payments.",
        error_type="server_error",
        headers={"x-should-retry": "false"},
    )


def _refused_by_stripe(error: StripeRefusedError) -> ApiError:
    # What Stripe says is for the operator.
    _log.error("stripe_refused", code=error.code, reason=str(error))
    message = "Stripe has refused this. Ask whoever runs this server; trying again does not help."
    headers = {"x-should-retry": "false"}
    return ApiError(502, "stripe_refused", message, error_type="server_error", headers=headers)


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[0].upper()}{text[1:]}."


_ANSWERS: dict[type[Exception], Callable[[Any], ApiError]] = {
    DatabaseUnavailableError: lambda _: _unavailable("database_unavailable", "The ledger"),
    RedisUnavailableError: lambda _: _unavailable("credits_unavailable", "The balances"),
    AccountUnknownError: lambda _: ApiError(404, "account_not_found", "There is no such account."),
    RequestUnknownError: lambda _: ApiError(404, "request_not_found", "There is no such call."),
    KeyUnknownError: lambda _: ApiError(404, "key_not_found", "There is no such key."),
    BadTextError: lambda error: bad_value(_camel(error.field), error.reason),
    BadLimitError: lambda error: bad_value("monthlyLimitCredits", error.reason),
    BadPostingError: lambda error: bad_value(_camel(error.field), error.reason),
    BadAmountError: lambda error: bad_value("credits", error.reason),
    BalanceLimitError: lambda error: ApiError(
        400, "balance_limit_exceeded", _sentence(error), param="credits"
    ),
    IdempotencyConflictError: lambda error: _conflict("idempotencyKey", _sentence(error)),
    BadSettingError: lambda error: bad_value(error.field, error.reason),
    PackageUnknownError: lambda _: ApiError(
        400,
        "package_not_found",
        "There is no such package: GET /v1/credits/packages lists them.",
        param="packageId",
    ),
    PaymentsNotConfiguredError: lambda _: _not_configured(),
    RequestKeyConflictError: lambda _: _conflict(
        "Idempotency-Key", "This key was used for the checkout of another package."
    ),
    StripeUnavailableError: lambda _: _unavailable("stripe_unavailable", "Stripe"),
    StripeRefusedError: _refused_by_stripe,
    RequestChangedError: _refused_by_stripe,
}

KNOWN_ERRORS = tuple(_ANSWERS)
