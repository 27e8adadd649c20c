"""Forms of the page: what was typed into them, and what is wrong with it."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from aiohttp import web

from console.errors import ApiError
from console.pages import PAGE_HEADERS
from pricing.money import NotAnAmountError, parse_credits
from pricing.packages import CENTS_PER_USD

_FORM_TYPE = "application/x-www-form-urlencoded"
_LONGEST_FORM = 64 * 1024
_MOST_FIELDS = 100
_FIELDS = web.RequestKey("fields", Mapping[str, str])
_USD = re.compile(r"\$?(?P<dollars>[0-9]{1,9})(\.(?P<cents>[0-9]{1,2}))?")


class FormError(ValueError):
    """A field cannot be taken; `reason` ends a sentence that begins with the field's label."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field} {reason}")
        self.field = field
        self.reason = reason


class Form:
    """What was typed."""

    def __init__(self, typed: Mapping[str, str]) -> None:
        self.typed = typed

    @classmethod
    async def of(cls, request: web.Request) -> "Form":
        """The form of a request; see `read_form`."""
        return cls(await read_form(request))

    def text(self, field: str) -> str:
        """A field without blanks around it; empty where it is missing."""
        return self.typed.get(field, "").strip()

    def amount_mc(self, field: str) -> int | None:
        """Credits, in millicredits; None where the field is empty.

        Raises:
            FormError: it is no amount.
        """
        text = self.text(field).replace(",", "")
        if not text:
            return None
        try:
            return parse_credits(text)
        except NotAnAmountError:
            reason = "must be a number of credits with at most three decimals, like 500"
            raise FormError(field, reason) from None

    def cents(self, field: str) -> int | None:
        """US dollars, in cents; None where the field is empty.

        Raises:
            FormError: they are none.
        """
        text = self.text(field).replace(",", "")
        if not text:
            return None
        found = _USD.fullmatch(text)
        if not found:
            raise FormError(field, "must be US dollars with at most two decimals, like 150.00")
        return int(found["dollars"]) * CENTS_PER_USD + int((found["cents"] or "").ljust(2, "0"))


async def read_form(request: web.Request) -> Mapping[str, str]:
    """What was sent by a form, read once; of a field that is there twice, the first counts.

    Browsers send our forms in one way; whoever sends another, or much, is refused before anything
    is looked at.

    Raises:
        ApiError: 413, 415, or 400: it is no form.
    """
    known = request.get(_FIELDS)
    if known is None:
        known = request[_FIELDS] = _fields_of(await _body(request))
    return known


async def _body(request: web.Request) -> bytes:
    if request.content_type != _FORM_TYPE:
        raise ApiError(415, "not_a_form", "This was not sent by a form of this page.")
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > _LONGEST_FORM:
            raise ApiError(413, "body_too_large", "This is too much for a form.")
    return bytes(body)


def _fields_of(body: bytes) -> Mapping[str, str]:
    try:
        fields = parse_qsl(
            body.decode(errors="replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise ApiError(400, "not_a_form", "These are too many fields.") from None
    return dict(reversed(fields))


def done(base: str, what: str, anchor: str) -> web.Response:
    """Leads back to the page, which says what was done; loading it again does nothing again."""
    location = f"{base}?saved={what}#{anchor}"
    return web.Response(status=303, headers={**PAGE_HEADERS, "Location": location})
