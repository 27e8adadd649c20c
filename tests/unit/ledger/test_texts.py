"""Texts that people give."""

import pytest

from ledger.errors import AccountUnknownError
from ledger.texts import BadTextError, email_address, plain_text, read_id


def test_blanks_around_a_text_are_dropped() -> None:
    """A name is a name however it was pasted."""
    assert plain_text("  Ada & Söhne  ", "name", 200) == "Ada & Söhne"


@pytest.mark.parametrize("text", ["", "  ", "a\0b", "a\nb", "a\u2028b", "a\ud800b", "x" * 11])
def test_a_text_that_cannot_be_stored_or_printed_is_refused_by_name(text: str) -> None:
    """Postgres takes no NUL, an export no line break."""
    with pytest.raises(BadTextError) as caught:
        plain_text(text, "description", 10)
    assert caught.value.field == "description"


@pytest.mark.parametrize(
    "text", ["ada", "@", "a@", "@b", "a b@c", "a@b@c", "a,b@c.d", "a..b@c", "a@c..d"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """An address is name@host."""
    with pytest.raises(BadTextError, match="email"):
        email_address(text)
    assert email_address("ada@example.com") == "ada@example.com"


@pytest.mark.parametrize("text", ["", "7", "x" * 36, "{12345678-1234-7234-8234-123456789abc}"])
def test_an_id_that_is_none_is_nobodys(text: str) -> None:
    """A wrong id in a path is a 404."""
    with pytest.raises(AccountUnknownError):
        read_id(text, AccountUnknownError)


def test_an_id_has_one_spelling() -> None:
    """Names in Redis are made of ids."""
    lower = "12345678-1234-7234-8234-123456789abc"
    assert str(read_id(lower, AccountUnknownError)) == lower
    with pytest.raises(AccountUnknownError):
        read_id(lower.upper(), AccountUnknownError)
