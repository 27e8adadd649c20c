"""Sign-in links and sessions of the Credits page, by hashes of their tokens.

Redis has both. Postgres has the sessions, too: it is asked while Redis is away.
"""

import hashlib
import hmac
import secrets
from collections.abc import Coroutine
from typing import Any, TypeVar

import msgspec
import structlog

from console.waiting import within
from ledger.console_sessions import ConsoleSessions, KeptSession
from ledger.database import DatabaseUnavailableError
from ledger.errors import RedisUnavailableError
from ledger.pipeline import Pipeline

T = TypeVar("T", bound=msgspec.Struct)
R = TypeVar("R")

_TOKEN_BYTES = 32
# Whoever looks at a page waits for this first.
_LONGEST_WAIT_S = 2.0
_log = structlog.get_logger(__name__)


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in: somebody of an account, by a link or by the key `key_id` of it."""

    account_id: str
    key_id: str | None = None


class OperatorSession(msgspec.Struct, frozen=True):
    """An operator, who may look at any account."""


class Sessions:
    """Links work once; a session ends by itself. All methods raise RedisUnavailableError."""

    def __init__(
        self,
        pipeline: Pipeline,
        kept: ConsoleSessions,
        *,
        link_ttl_s: float,
        session_ttl_s: float,
    ) -> None:
        self._pipeline = pipeline
        self._kept = kept
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
        token = await self._store("session", session, self._session_ttl_s)
        await self._keep(token, KeptSession(account_id=session.account_id, key_id=session.key_id))
        return token

    async def find(self, token: str) -> Session | None:
        """The session of a token; None if it has ended or is none."""
        return _read(await self._pipeline.command("GET", _name("session", token)), Session)

    async def find_kept(self, token: str) -> Session | None:
        """As `find`, without Redis; None also if it was opened by a key that was revoked since.

        Raises:
            DatabaseUnavailableError: Postgres cannot tell now, either.
        """
        kept = await _soon(self._kept.find(_hash(token)))
        if kept is None or kept.account_id is None:
            return None
        return Session(account_id=kept.account_id, key_id=kept.key_id)

    async def open_for_operator(self) -> str:
        """The token of an operator's session."""
        token = await self._store("operator", OperatorSession(), self._session_ttl_s)
        await self._keep(token, KeptSession(account_id=None, key_id=None))
        return token

    async def is_operators(self, token: str) -> bool:
        """Whether a token is of an operator's session that has not ended.

        Raises:
            DatabaseUnavailableError: Redis is away, and Postgres, too.
        """
        try:
            stored = await self._pipeline.command("GET", _name("operator", token))
        except RedisUnavailableError:
            kept = await _soon(self._kept.find(_hash(token)))
            return kept is not None and kept.account_id is None
        return _read(stored, OperatorSession) is not None

    async def close(self, token: str) -> None:
        """Ends a session, whoever's it is."""
        for kind in ("session", "operator"):
            await self._pipeline.command("DEL", _name(kind, token))
        try:
            await _soon(self._kept.remove(_hash(token)))
        except DatabaseUnavailableError as error:
            _log.warning("session_stays_in_postgres", reason=str(error))

    async def _store(self, kind: str, value: msgspec.Struct, ttl_s: float) -> str:
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        ttl_ms = max(1, round(ttl_s * 1000))
        stored = msgspec.json.encode(value)
        await self._pipeline.command("SET", _name(kind, token), stored, "PX", ttl_ms)
        return token

    async def _keep(self, token: str, session: KeptSession) -> None:
        try:
            await _soon(self._kept.add(_hash(token), session, self._session_ttl_s))
        except DatabaseUnavailableError as error:
            _log.warning("session_not_in_postgres", reason=str(error))


async def _soon(what: Coroutine[Any, Any, R]) -> R:
    try:
        return await within(_LONGEST_WAIT_S, what)
    except TimeoutError:
        raise DatabaseUnavailableError("there is no answer") from None


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
    return f"console:{kind}:{_hash(token)}"


def _hash(token: str) -> str:
    return hashlib.sha256(_bytes(token)).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
