"""Forms of the page: what was typed into them, and what is wrong with it."""

import re
from collections.abc import Mapping

from aiohttp import web

from console.pages import PAGE_HEADERS
from pricing.money import NotAnAmountError, parse_credits
from pricing.packages import CENTS_PER_USD

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
        """The form of a request; files are none of ours."""
        posted = await request.post()
        return cls({name: text for name, text in posted.items() if isinstance(text, str)})

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


def done(base: str, what: str, anchor: str) -> web.Response:
    """Leads back to the page, which says what was done; loading it again does nothing again."""
    location = f"{base}?saved={what}#{anchor}"
    return web.Response(status=303, headers={**PAGE_HEADERS, "Location": location})
