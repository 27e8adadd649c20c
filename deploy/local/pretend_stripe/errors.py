"""What the pretend Stripe refuses, in the real one's envelopes, types and codes."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

INVALID_REQUEST = "invalid_request_error"
_DOCUMENTATION = "https://docs.stripe.com/error-codes"


class StripeError(Exception):
    """An answer with an error envelope; `details` are further members of the error."""

    def __init__(
        self,
        message: str,
        *,
        status: int = HTTPStatus.BAD_REQUEST,
        kind: str = INVALID_REQUEST,
        code: str | None = None,
        param: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = int(status)
        given = {"code": code, "param": param, **(details or {})}
        error: dict[str, Any] = {"message": message, "type": kind}
        error |= {name: value for name, value in given.items() if value is not None}
        if code:
            error["doc_url"] = f"{_DOCUMENTATION}#{code.replace('_', '-')}"
        self.envelope = {"error": error}


def unknown_parameters(params: list[str]) -> StripeError:
    """400: names that this request does not have."""
    plural = "s" if len(params) > 1 else ""
    return StripeError(
        f"Received unknown parameter{plural}: {', '.join(params)}",
        code="parameter_unknown",
        param=params[0],
    )


def missing(param: str) -> StripeError:
    """400: a parameter that has to be there."""
    return StripeError(f"Missing required param: {param}.", code="parameter_missing", param=param)


def empty(param: str) -> StripeError:
    """400: an empty string, which would unset what cannot be unset."""
    message = (
        f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset "
        f"a parameter; however '{param}' cannot be unset. You should remove '{param}' from your "
        "request or supply a non-empty value."
    )
    return StripeError(message, code="parameter_invalid_empty", param=param)


def exclusive(first: str, second: str) -> StripeError:
    """400: two parameters that exclude each other."""
    message = f"You may only specify one of these parameters: {first}, {second}."
    return StripeError(message, param=first)


def invalid(message: str, param: str | None = None, code: str | None = None) -> StripeError:
    """400: anything else that is wrong with a request."""
    return StripeError(message, param=param, code=code)


def no_such(noun: str, identifier: str, param: str = "id") -> StripeError:
    """404 for the object that is asked for; 400 for one that a parameter names."""
    status = HTTPStatus.NOT_FOUND if param == "id" else HTTPStatus.BAD_REQUEST
    return StripeError(
        f"No such {noun}: '{identifier}'", status=status, code="resource_missing", param=param
    )


def not_authenticated(message: str) -> StripeError:
    """401: no key, or another one."""
    return StripeError(message, status=HTTPStatus.UNAUTHORIZED)


def key_reused(key: str) -> StripeError:
    """400: an idempotency key that came with another request before."""
    message = (
        "Keys for idempotent requests can only be used with the same parameters they were first "
        f"used with. Try using a key other than '{key}' if you meant to execute a different "
        "request."
    )
    return StripeError(message, kind="idempotency_error")


def unspoken(method: str, path: str) -> StripeError:
    """404: a route that this server, or Stripe itself, does not have."""
    message = (
        f"Unrecognized request URL ({method}: {path}). It is none that the pretend Stripe has."
    )
    return StripeError(message, status=HTTPStatus.NOT_FOUND)


def demanded(status: int) -> StripeError:
    """The failure that was asked for at /pretend/api."""
    return StripeError(
        f"A pretend failure with status {status}, as /pretend/api asked for.",
        status=status,
        kind="api_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else INVALID_REQUEST,
        code="rate_limit" if status == HTTPStatus.TOO_MANY_REQUESTS else None,
    )
