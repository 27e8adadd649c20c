"""API keys as text: how they look, and the keyed hash under which they are stored."""

import hashlib
import hmac
import secrets

MARK = "sk-tg-"
PREFIX_LENGTH = 12
_RANDOM_BYTES = 32  # 43 characters


def generate_key() -> str:
    """A new key: `sk-tg-` and 43 random url-safe characters."""
    return MARK + secrets.token_urlsafe(_RANDOM_BYTES)


def prefix_of(key: str) -> str:
    """The beginning of a key, which may be shown and logged: `sk-tg-AbCdEf`."""
    return key[:PREFIX_LENGTH]


class KeyHasher:
    """Hashes keys with a secret, so that a copy of the database finds out no key."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def hash(self, key: str) -> bytes:
        """The 32 bytes under which a key is stored and found. Any text has one."""
        data = key.encode("utf-8", "surrogateescape")
        return hmac.new(self._secret, data, hashlib.sha256).digest()

    def __repr__(self) -> str:
        return "KeyHasher(…)"
