"""Texts that people give: names, descriptions, addresses, ids. What may be stored and printed."""

import unicodedata
from uuid import UUID

from config.addresses import is_email

LONGEST_NAME = 200
LONGEST_DESCRIPTION = 500
LONGEST_EMAIL = 320


class BadTextError(ValueError):
    """A text cannot be taken; `field` is its name in Python, `reason` ends the sentence."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field} {reason}")
        self.field = field
        self.reason = reason


def plain_text(value: str, field: str, longest: int) -> str:
    """The text without blanks around it: one line, 1 to `longest` characters.

    Raises:
        BadTextError: it is empty, too long, or has characters that cannot be printed.
    """
    text = value.strip()
    if not text:
        raise BadTextError(field, "must not be empty")
    if len(text) > longest:
        raise BadTextError(field, f"must have at most {longest} characters")
    # Control characters and lone surrogates: Postgres and the exports cannot carry them.
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text):
        raise BadTextError(field, "must be one line without control characters")
    return text


def email_address(value: str) -> str:
    """An address like name@host.

    Raises:
        BadTextError: it is not.
    """
    text = plain_text(value, "email", LONGEST_EMAIL)
    if not is_email(text):
        raise BadTextError("email", "must look like name@host")
    return text


def read_id(text: str, unknown: type[Exception]) -> UUID:
    """An id of ours, as text. What is none is an id that nobody has: raises `unknown`."""
    try:
        found = UUID(text)
    except ValueError:
        raise unknown(text) from None
    if str(found) != text:
        raise unknown(text)
    return found
