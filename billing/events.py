"""Stripe's events: checked, kept, and handled, each once, in one transaction with its entries."""

import re
import time

import asyncpg
import msgspec
import structlog

from billing.errors import BadEventError, WebhooksOffError
from billing.handlers import HANDLERS
from billing.queries import load_queries
from billing.signature import check_signature
from billing.stripe_objects import SNAPSHOT, AnyEvent, BadObjectError, Event, read_object
from billing.takings import Accounts, Takings
from ledger.database import Connection, transaction
from ledger.working_copy import WorkingCopy, tell

# An escape in JSON, of whatever it is: so a backslash that is itself escaped begins none.
_ESCAPE = re.compile(rb"\\(u0000|.)", re.DOTALL)

_QUERIES = load_queries("events")
_log = structlog.get_logger(__name__)


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """An event that is kept; `is_new` where it was not before."""

    event_type: str
    is_new: bool
    account_ids: Accounts


class StripeEvents:
    """Receives events. Without a secret to check them with it is off.

    `is_live` is the mode of the key that we ask Stripe with, None where there is none.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        takings: Takings,
        working_copy: WorkingCopy,
        *,
        secret: str | None,
        is_live: bool | None,
    ) -> None:
        self._pool = pool
        self._takings = takings
        self._working_copy = working_copy
        self._secret = secret or None
        self._is_live = is_live

    async def receive(self, body: bytes, signature: str | None) -> Received:
        """Takes an event as it came, with the header that signs it. One that is known is not
        handled again. Only what this returns was kept: whatever it raises, nothing was.

        Raises:
            WebhooksOffError: there is no secret to check it with.
            BadEventError: it is forged, stale or broken, or of another mode than our key.
            DatabaseUnavailableError: it must come again.
        """
        if self._secret is None:
            raise WebhooksOffError
        check_signature(body, signature, self._secret, int(time.time()))
        body = _keepable(body)
        event = _read_event(body)
        self._check_mode(event)
        try:
            received = await self._keep(event, body)
        except BadObjectError as error:
            raise BadEventError(f"its object is not as documented: {error}") from error
        for account_id in received.account_ids:
            await tell(self._working_copy, account_id)
        return received

    def _check_mode(self, event: AnyEvent) -> None:
        # Where accounts are connected, Stripe sends a live endpoint their test events, too.
        is_known = None not in (event.livemode, self._is_live)
        if is_known and event.whose is None and event.livemode != self._is_live:
            raise BadEventError("it is of the other mode, live or test, than the key here")

    async def _keep(self, event: AnyEvent, body: bytes) -> Received:
        accounts: Accounts = frozenset()
        async with transaction(self._pool) as connection:
            # The same event in another transaction waits here for that one's end.
            is_new = await connection.fetchval(
                _QUERIES["keep_event"],
                *(event.id, event.type, event.created_at, body.decode()),
            )
            if is_new:
                accounts = await self._handle(connection, event)
        _log.info("stripe_event", event_id=event.id, type=event.type, is_new=bool(is_new))
        return Received(event_type=event.type, is_new=bool(is_new), account_ids=accounts)

    async def _handle(self, connection: Connection, event: AnyEvent) -> Accounts:
        if event.whose is not None:
            # Whoever is connected can make objects that say what ours say.
            _log.info("stripe_event_of_another_account", event_id=event.id, account=event.whose)
            return frozenset()
        if not isinstance(event, Event):
            _log.info("stripe_event_not_handled", event_id=event.id, type=event.type)
            return frozenset()
        accounts: set[str] = set()
        for handler in HANDLERS[event.type]:
            accounts |= await handler(self._takings, connection, event)
        return frozenset(accounts)


def _read_event(body: bytes) -> AnyEvent:
    """An `Event` where there is something to do for it. Of others nothing is needed but their
    names, so nothing else of them can be wrong: Stripe would send them again in vain.
    """
    try:
        values = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadEventError("it is not JSON") from None
    try:
        event = read_object(values, AnyEvent)
        is_handled = event.object == SNAPSHOT and event.type in HANDLERS
        return read_object(values, Event) if is_handled and event.whose is None else event
    except BadObjectError as error:
        raise BadEventError(f"it is no event: {error}") from None


def _keepable(body: bytes) -> bytes:
    """The body without U+0000, which Postgres keeps neither in text nor in JSON: a name that
    somebody has typed must not keep a payment away.
    """
    return _ESCAPE.sub(lambda one: rb"\ufffd" if one[1] == b"u0000" else one[0], body)
