"""Addresses that operators and customers give: of pages, of servers and of e-mail. Pure."""

import re
from urllib.parse import urlsplit

# Narrower than RFC 5322, as mail servers are: no quotes, no comments, no lists.
_ATOMS = r"[^\s@.,;:<>()\[\]\\\"]+(?:\.[^\s@.,;:<>()\[\]\\\"]+)*"
_EMAIL = re.compile(f"{_ATOMS}@{_ATOMS}")


def is_email(text: str) -> bool:
    """Whether it is one address like name@host."""
    return bool(_EMAIL.fullmatch(text)) and is_host(text.rpartition("@")[2])


def is_web_address(text: str) -> bool:
    """Whether it is an http or https URL with a host that can be asked for."""
    if not text.isprintable() or " " in text:
        return False
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return False
    return url.scheme in ("http", "https") and port != 0 and is_host(url.hostname or "")


def is_host(text: str) -> bool:
    """Whether it can be the name of a host: no empty label, none that is too long."""
    try:
        return bool(text.encode("idna"))
    except UnicodeError:
        return False
