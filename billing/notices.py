"""Sends what was written down to be told: e-mails to customers, webhooks to the operator.

Each is sent until it was taken once, or given up after a bounded number of attempts. A sender that
dies between being heard and writing it down is followed by another one that sends again, with the
same id: at least once, never twice on purpose.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import aiohttp
import asyncpg
import msgspec
import structlog

from billing.delivery import DeliveryError
from billing.mailer import Mailer
from billing.notice import Content, Notice, email_of, webhook_of
from billing.notice_webhook import NoticeWebhook
from billing.outbox import Outbox
from billing.queries import load_queries
from config.secrets import Secrets
from config.settings import Settings
from ledger.database import acquired

MOST_ATTEMPTS = 12
FIRST_PAUSE = timedelta(seconds=30)  # doubled each time, up to an hour
AT_ONCE = 20

_QUERIES = load_queries("notices")
_log = structlog.get_logger(__name__)


class Notices:
    """Sends what is due. Several senders share the work: each notice is claimed by one."""

    def __init__(
        self, pool: asyncpg.Pool, *, mailer: Mailer | None, webhook: NoticeWebhook | None
    ) -> None:
        self._pool = pool
        self._mailer = mailer
        self._webhook = webhook

    async def send_due(self) -> int:
        """Tries each notice that is due once; returns how many were taken.

        Raises:
            DatabaseUnavailableError: to be tried again.
        """
        taken = 0
        for notice in await self._claim():
            taken += await self._try(notice)
        return taken

    async def _claim(self) -> list[Notice]:
        channels = [
            channel
            for channel, sender in (("email", self._mailer), ("webhook", self._webhook))
            if sender is not None
        ]
        if not channels:
            return []
        async with acquired(self._pool) as connection:
            rows = await connection.fetch(_QUERIES["claim_notices"], channels, AT_ONCE, FIRST_PAUSE)
        return [_read(row) for row in rows]

    async def _try(self, notice: Notice) -> bool:
        try:
            await self._send(notice)
        except DeliveryError as error:
            is_over = error.is_final or notice.attempts >= MOST_ATTEMPTS
            facts = {"notice": notice.notice_id, "kind": notice.kind, "channel": notice.channel}
            _log.warning("notice_not_taken", reason=str(error), is_given_up=is_over, **facts)
            await self._keep("notice_has_failed", notice.notice_id, str(error), is_over)
            return False
        await self._keep("notice_is_sent", notice.notice_id)
        return True

    async def _send(self, notice: Notice) -> None:
        if notice.channel == "email" and self._mailer is not None:
            await self._mailer.send(email_of(notice, self._mailer.sender))
        elif self._webhook is not None:
            await self._webhook.send(webhook_of(notice))

    async def _keep(self, query: str, *values: object) -> None:
        async with acquired(self._pool) as connection:
            await connection.execute(_QUERIES[query], *values)


def outbox_of(settings: Settings) -> Outbox:
    """The outbox for the channels that operators have set."""
    return Outbox(
        sends_emails=settings.smtp_host is not None,
        sends_webhooks=settings.notice_webhook_url is not None,
    )


@asynccontextmanager
async def open_notices(
    settings: Settings, secrets: Secrets, pool: asyncpg.Pool
) -> AsyncIterator[Notices]:
    """A sender for the channels that operators have set."""
    async with AsyncExitStack() as stack:
        mailer = webhook = None
        if settings.smtp_host is not None:
            mailer = Mailer(settings, secrets.smtp_password)
        if settings.notice_webhook_url is not None and secrets.notice_webhook_secret is not None:
            session = await stack.enter_async_context(aiohttp.ClientSession())
            url, secret = settings.notice_webhook_url, secrets.notice_webhook_secret
            webhook = NoticeWebhook(session, url, secret)
        yield Notices(pool, mailer=mailer, webhook=webhook)


def _read(row: asyncpg.Record) -> Notice:
    return Notice(
        notice_id=str(row["id"]),
        account_id=str(row["account_id"]),
        channel=row["channel"],
        kind=row["kind"],
        content=msgspec.json.decode(row["content"], type=Content),
        created_at=row["created_at"],
        attempts=row["attempts"],
    )
