"""Request bodies: JSON into typed values, or a 400 that names the field."""

import re
from typing import TypeVar

import msgspec
from aiohttp import web

from console.errors import ApiError
from console.handling import bad_value
from pricing.money import NotAnAmountError, parse_credits

T = TypeVar("T", bound=msgspec.Struct)

_AT_PATH = re.compile(r"^(?P<reason>.*) - at `\$\.?(?P<path>.*)`$", re.DOTALL)
_UNKNOWN = re.compile(r"^Object contains unknown field `(?P<name>.*)`$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(?P<name>.*)`$")


async def read_body(request: web.Request, shape: type[T], *, may_be_empty: bool = False) -> T:
    """The request's JSON body; an empty one counts as `{}` where it may be empty.

    Raises:
        ApiError: 413, or 400 with the field at fault.
    """
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise ApiError(413, "body_too_large", "The request body is too large.") from None
    if may_be_empty and not body.strip():
        body = b"{}"
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise _bad_field(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ApiError(400, "invalid_json", "The request body is not valid JSON.") from None


def credits_of(raw: msgspec.Raw, field: str = "credits") -> int:
    """Millicredits out of a field: a JSON number or a string, read digit by digit.

    Raises:
        ApiError: 400, it is no exact amount.
    """
    try:
        text = bytes(raw).decode()
        is_string = text.startswith('"')
        return parse_credits(msgspec.json.decode(text, type=str) if is_string else text)
    except (NotAnAmountError, msgspec.DecodeError, UnicodeDecodeError):
        reason = "must be a decimal number of credits with at most three decimals, like 12.5"
        raise bad_value(field, reason) from None


def _bad_field(message: str) -> ApiError:
    found = _AT_PATH.match(message)
    path, reason = (found["path"], found["reason"]) if found else ("", message)
    unknown, missing = _UNKNOWN.match(reason), _MISSING.match(reason)
    if unknown:
        return bad_value(_below(path, unknown["name"]), "is not a known field")
    if missing:
        return bad_value(_below(path, missing["name"]), "is required")
    if not path:
        return ApiError(400, "invalid_json", "The request body must be a JSON object.")
    return bad_value(path, f"is not right: {reason[0].lower()}{reason[1:]}")


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
