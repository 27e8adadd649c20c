"""One place where errors of the ledger become answers of the people's APIs."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from aiohttp import web

from console.errors import ApiError
from ledger.api_keys import KeyUnknownError
from ledger.chain import BalanceLimitError
from ledger.database import DatabaseUnavailableError
from ledger.errors import AccountUnknownError, RedisUnavailableError
from ledger.posting import BadAmountError, BadPostingError, IdempotencyConflictError
from ledger.texts import BadTextError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answering_errors(handler: Handler) -> Handler:
    """The handler, with errors of the ledger raised as `ApiError`."""

    @wraps(handler)
    async def answering(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except tuple(_ANSWERS) as error:
            raise _ANSWERS[type(error)](error) from error

    return answering


def bad_value(param: str, reason: str) -> ApiError:
    """A 400 that names the field at fault; `reason` ends the sentence."""
    return ApiError(400, "invalid_value", f"{param} {reason}.", param=param)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _unavailable(code: str, what: str) -> ApiError:
    message = f"{what} cannot be reached now. Try again in a moment."
    return ApiError(503, code, message, error_type="server_error", headers={"Retry-After": "1"})


def _conflict(error: IdempotencyConflictError) -> ApiError:
    return ApiError(
        409,
        "idempotency_conflict",
        _sentence(error),
        param="idempotencyKey",
        headers={"x-should-retry": "false"},
    )


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[0].upper()}{text[1:]}."


_ANSWERS: dict[type[Exception], Callable[[Any], ApiError]] = {
    DatabaseUnavailableError: lambda _: _unavailable("database_unavailable", "The ledger"),
    RedisUnavailableError: lambda _: _unavailable("credits_unavailable", "The balances"),
    AccountUnknownError: lambda _: ApiError(404, "account_not_found", "There is no such account."),
    KeyUnknownError: lambda _: ApiError(404, "key_not_found", "There is no such key."),
    BadTextError: lambda error: bad_value(_camel(error.field), error.reason),
    BadPostingError: lambda error: bad_value(_camel(error.field), error.reason),
    BadAmountError: lambda error: bad_value("credits", error.reason),
    BalanceLimitError: lambda error: ApiError(
        400, "balance_limit_exceeded", _sentence(error), param="credits"
    ),
    IdempotencyConflictError: _conflict,
}
