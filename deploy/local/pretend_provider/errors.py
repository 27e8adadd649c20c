"""What the pretend provider refuses, with the real one's statuses, codes and kinds of messages."""

from collections.abc import Mapping
from http import HTTPStatus

INVALID_REQUEST = "invalid_request_error"
_KINDS_AND_CODES = {
    401: (INVALID_REQUEST, "invalid_api_key"),
    403: (INVALID_REQUEST, "unsupported_country_region_territory"),
    404: (INVALID_REQUEST, "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}


class ProviderError(Exception):
    """An answer with an error envelope."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = INVALID_REQUEST,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self.envelope = {
            "error": {"message": message, "type": kind, "param": param, "code": code},
        }


def invalid(message: str, param: str | None = None, code: str | None = None) -> ProviderError:
    """400: the request is not what it should be."""
    return ProviderError(HTTPStatus.BAD_REQUEST, message, param=param, code=code)


def wrong_type(param: str, expected: str, value: object) -> ProviderError:
    """400: a value of another JSON type; `expected` is a phrase like `a string`."""
    message = f"Invalid type for '{param}': expected {expected}, but got {phrase(value)} instead."
    return invalid(message, param, "invalid_type")


def wrong_value(param: str, value: object, supported: tuple[str, ...]) -> ProviderError:
    """400: none of the supported strings."""
    names = ", ".join(f"'{name}'" for name in supported)
    return invalid(
        f"Invalid value: '{value}'. Supported values are: {names}.", param, "invalid_value"
    )


def missing(param: str) -> ProviderError:
    """400: a required field is not there."""
    message = f"Missing required parameter: '{param}'."
    return invalid(message, param, "missing_required_parameter")


def model_not_found(model: str) -> ProviderError:
    """404: no such model."""
    return ProviderError(
        HTTPStatus.NOT_FOUND,
        f"The model `{model}` does not exist or you do not have access to it.",
        code="model_not_found",
    )


def invalid_api_key(message: str) -> ProviderError:
    """401: no key, or a wrong one."""
    return ProviderError(HTTPStatus.UNAUTHORIZED, message, code="invalid_api_key")


def demanded(status: int) -> ProviderError:
    """The error that a request asked for with `x-pretend-status`."""
    usual_kind = "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else INVALID_REQUEST
    kind, code = _KINDS_AND_CODES.get(status, (usual_kind, None))
    headers = {}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        headers = {"retry-after": "1", "retry-after-ms": "1000"}
    message = f"A pretend error with status {status}, as x-pretend-status asked for."
    return ProviderError(status, message, kind=kind, code=code, headers=headers)


def broken_off() -> ProviderError:
    """The error that `x-pretend-error-after` puts into a stream."""
    message = "A pretend error in mid-stream, as x-pretend-error-after asked for."
    return ProviderError(HTTPStatus.INTERNAL_SERVER_ERROR, message, kind="server_error")


def phrase(value: object) -> str:
    """The JSON type of a value, with its article."""
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "an integer", float: "a decimal", str: "a string"}
    return names.get(type(value), "an array" if isinstance(value, list) else "an object")
