"""Sign-in links and sessions of the Credits page, kept in Redis under hashes of their tokens."""

import hashlib
import hmac
import secrets

from ledger.pipeline import Pipeline

_TOKEN_BYTES = 32


class Sessions:
    """Links work once; a session ends by itself. All methods raise RedisUnavailableError."""

    def __init__(self, pipeline: Pipeline, *, link_ttl_s: float, session_ttl_s: float) -> None:
        self._pipeline = pipeline
        self._link_ttl_s = link_ttl_s
        self._session_ttl_s = session_ttl_s

    async def create_link(self, account_id: str) -> str:
        """A token that signs in to an account, once, for a while."""
        return await self._store("link", account_id, self._link_ttl_s)

    async def sign_in(self, link_token: str) -> str | None:
        """Trades a link's token for a session's; None if it was used, is too old, or is none."""
        account_id = await self._pipeline.command("GETDEL", _name("link", link_token))
        if account_id is None:
            return None
        return await self._store("session", account_id, self._session_ttl_s)

    async def account_of(self, session_token: str) -> str | None:
        """The account that a session is signed in to; None if it has ended or is none."""
        account_id = await self._pipeline.command("GET", _name("session", session_token))
        return None if account_id is None else account_id.decode()

    async def sign_out(self, session_token: str) -> None:
        """Ends a session."""
        await self._pipeline.command("DEL", _name("session", session_token))

    async def _store(self, kind: str, account_id: str | bytes, ttl_s: float) -> str:
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        ttl_ms = max(1, round(ttl_s * 1000))
        await self._pipeline.command("SET", _name(kind, token), account_id, "PX", ttl_ms)
        return token


def form_token(session_token: str) -> str:
    """What a form of this session must carry, so that other sites cannot send it."""
    return hmac.new(_bytes(session_token), b"form", hashlib.sha256).hexdigest()


def form_token_is_right(session_token: str, given: str) -> bool:
    """Whether a form came from a page of this session."""
    return hmac.compare_digest(form_token(session_token).encode(), _bytes(given))


def _name(kind: str, token: str) -> str:
    return f"console:{kind}:{hashlib.sha256(_bytes(token)).hexdigest()}"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
