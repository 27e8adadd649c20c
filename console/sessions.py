"""Sign-in links and sessions of the Credits page, kept in Redis under hashes of their tokens."""

import hashlib
import hmac
import secrets
from typing import TypeVar

import msgspec

from ledger.pipeline import Pipeline

T = TypeVar("T", bound=msgspec.Struct)

_TOKEN_BYTES = 32


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in: somebody of an account, by a link or by the key `key_id` of it."""

    account_id: str
    key_id: str | None = None


class OperatorSession(msgspec.Struct, frozen=True):
    """An operator, who may look at any account."""


class Sessions:
    """Links work once; a session ends by itself. All methods raise RedisUnavailableError."""

    def __init__(self, pipeline: Pipeline, *, link_ttl_s: float, session_ttl_s: float) -> None:
        self._pipeline = pipeline
        self._link_ttl_s = link_ttl_s
        self._session_ttl_s = session_ttl_s

    async def create_link(self, account_id: str) -> str:
        """A token that signs in to an account, once, for a while."""
        return await self._store("link", Session(account_id=account_id), self._link_ttl_s)

    async def sign_in(self, link_token: str) -> str | None:
        """Trades a link's token for a session's; None if it was used, is too old, or is none."""
        stored = await self._pipeline.command("GETDEL", _name("link", link_token))
        session = _read(stored, Session)
        return None if session is None else await self.open(session)

    async def open(self, session: Session) -> str:
        """A session's token."""
        return await self._store("session", session, self._session_ttl_s)

    async def find(self, token: str) -> Session | None:
        """The session of a token; None if it has ended or is none."""
        return _read(await self._pipeline.command("GET", _name("session", token)), Session)

    async def open_for_operator(self) -> str:
        """The token of an operator's session."""
        return await self._store("operator", OperatorSession(), self._session_ttl_s)

    async def is_operators(self, token: str) -> bool:
        """Whether a token is of an operator's session that has not ended."""
        stored = await self._pipeline.command("GET", _name("operator", token))
        return _read(stored, OperatorSession) is not None

    async def close(self, token: str) -> None:
        """Ends a session, whoever's it is."""
        for kind in ("session", "operator"):
            await self._pipeline.command("DEL", _name(kind, token))

    async def _store(self, kind: str, value: msgspec.Struct, ttl_s: float) -> str:
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        ttl_ms = max(1, round(ttl_s * 1000))
        stored = msgspec.json.encode(value)
        await self._pipeline.command("SET", _name(kind, token), stored, "PX", ttl_ms)
        return token


def form_token(session_token: str) -> str:
    """What a form of this session must carry, so that other sites cannot send it."""
    return hmac.new(_bytes(session_token), b"form", hashlib.sha256).hexdigest()


def form_token_is_right(session_token: str, given: str) -> bool:
    """Whether a form came from a page of this session."""
    return hmac.compare_digest(form_token(session_token).encode(), _bytes(given))


def _read(stored: bytes | None, kind: type[T]) -> T | None:
    if stored is None:
        return None
    try:
        return msgspec.json.decode(stored, type=kind)
    except msgspec.DecodeError:
        return None  # another version's: whoever had it signs in again


def _name(kind: str, token: str) -> str:
    return f"console:{kind}:{hashlib.sha256(_bytes(token)).hexdigest()}"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
