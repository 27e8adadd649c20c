"""Automatic recharges in Postgres: begun one at a time, claimed to be asked for, failed once."""

from collections.abc import Mapping
from datetime import timedelta

import asyncpg
import msgspec

from billing.customer_settings import NO_CARD, CustomerSettings, usd_of_cents
from billing.notice import Content, Kind
from billing.outbox import Outbox
from billing.purchase_store import NewPurchase, insert_purchase
from billing.queries import load_queries
from billing.recharge_outcome import MAY_BE_PAID
from billing.recharge_requests import Recharging
from billing.settings import (
    lock_settings,
    lost_cards,
    pause_recharge,
    read_settings,
    say_why_not_recharged,
)
from config.packages import Package
from ledger.database import Connection, acquired, transaction

# Doubled each time, up to an hour. Whoever claims one next must find what became of it before, so
# this is longer than Stripe is waited for, by far.
FIRST_PAUSE = timedelta(seconds=60)
TAKEN_BACK = "A payment was refunded or disputed. Turn automatic recharge on again to go on."

_QUERIES = load_queries("recharges")


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An account that is recharged below an amount, as the ledger stood when it was read."""

    account_id: str
    below_mc: int
    sync_number: int


class RechargeStore:
    """Recharges of a database; `top_up_url` is where people can do something about a pause.

    All methods raise DatabaseUnavailableError when Postgres is away.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        outbox: Outbox,
        packages: Mapping[str, Package],
        *,
        credits_per_usd: int,
        top_up_url: str,
    ) -> None:
        self._pool = pool
        self._outbox = outbox
        self._packages = packages
        self._credits_per_usd = credits_per_usd
        self._top_up_url = top_up_url

    async def candidates(self) -> list[Candidate]:
        """Accounts with automatic recharge of which none is under way, and Redis knows all."""
        async with acquired(self._pool) as connection:
            rows = await connection.fetch(_QUERIES["who_may_need_one"])
        return [
            Candidate(
                account_id=str(row["account_id"]),
                below_mc=row["recharge_below_mc"],
                sync_number=row["last_sync_number"],
            )
            for row in rows
        ]

    async def begin(self, candidate: Candidate) -> str | None:
        """Writes down a purchase for an account that is under its threshold; its id.

        None where it is not to be: something has moved on since it was read, or the month's limit
        is reached, which is told.
        """
        account_id = candidate.account_id
        async with transaction(self._pool) as connection:
            # Whoever begins one holds this lock; so at most one begins, over all processes.
            await lock_settings(connection, account_id)
            settings = await read_settings(connection, account_id)
            stands = await connection.fetchrow(
                _QUERIES["where_it_stands"], account_id, candidate.sync_number
            )
            if stands is None or stands["has_moved_on"] or settings.recharge.state != "active":
                return None
            package = self._packages.get(settings.recharge.package_id or "")
            if package is None:
                await self._pause(connection, settings, "The package is not for sale any more.")
                return None
            if not _is_within_limit(settings, stands["spent_cents"] + package.price_cents):
                await self._tell_of_limit(connection, settings)
                return None
            if await connection.fetchval(
                _QUERIES["was_taken_back"], account_id, candidate.below_mc
            ):
                await self._pause(connection, settings, TAKEN_BACK)
                return None
            wanted = NewPurchase(
                account_id=account_id,
                kind="auto_recharge",
                package=package,
                credits_per_usd=self._credits_per_usd,
            )
            return await _insert(connection, settings, wanted)

    async def claim(self, purchase_id: str | None = None, *, is_live: bool) -> Recharging | None:
        """A recharge that is due to be asked for; nobody else gets it before the next time.

        `is_live` is the mode of the key that asks: that of the first one is kept.
        """
        async with acquired(self._pool) as connection:
            row = await connection.fetchrow(
                _QUERIES["claim_due"], FIRST_PAUSE, purchase_id, is_live
            )
        return None if row is None else _read(row)

    async def fail(
        self, purchase_id: str, message: str, intent_id: str | None, *, pauses: bool = True
    ) -> None:
        """Writes down that a recharge has failed; once, whoever learns of it first."""
        async with transaction(self._pool) as connection:
            await self.fail_within(connection, purchase_id, message, intent_id, pauses=pauses)

    async def fail_within(
        self,
        connection: Connection,
        purchase_id: str,
        message: str,
        intent_id: str | None,
        *,
        pauses: bool = True,
    ) -> None:
        """As `fail`, in the caller's transaction."""
        account_id = await connection.fetchval(
            _QUERIES["recharge_has_failed"], purchase_id, message, intent_id
        )
        if account_id is None or not pauses:
            return
        await lock_settings(connection, str(account_id))
        settings = await read_settings(connection, str(account_id))
        await self._pause(connection, settings, message)

    async def is_processing(self, purchase_id: str, intent_id: str) -> None:
        """Writes down that Stripe has it and takes its time."""
        async with acquired(self._pool) as connection:
            await connection.execute(_QUERIES["recharge_is_processing"], purchase_id, intent_id)

    async def say_why_none_is_begun(self, account_id: str) -> None:
        """Shows that one is under way of which nobody knows what became of it."""
        async with acquired(self._pool) as connection:
            await say_why_not_recharged(connection, account_id, MAY_BE_PAID, None)

    async def forget_why_none_was_begun(self) -> None:
        """Shows that no more where it is known."""
        async with acquired(self._pool) as connection:
            await connection.execute(_QUERIES["forget_reason"], MAY_BE_PAID)

    async def keep_error(self, purchase_id: str, reason: str) -> None:
        """Writes down why nobody knows what became of it yet."""
        async with acquired(self._pool) as connection:
            await connection.execute(_QUERIES["keep_error"], purchase_id, reason)

    async def tell_of_lost_cards(self) -> None:
        """Tells whose card is gone at Stripe; each once."""
        async with transaction(self._pool) as connection:
            for account_id in await lost_cards(connection, self._top_up_url):
                settings = await read_settings(connection, account_id)
                reason = settings.recharge.reason or NO_CARD
                await self._tell(connection, settings, "auto_recharge_paused", reason)

    async def _pause(self, connection: Connection, settings: CustomerSettings, reason: str) -> None:
        if await pause_recharge(connection, settings.account_id, reason, self._top_up_url):
            await self._tell(connection, settings, "auto_recharge_paused", reason)

    async def _tell_of_limit(self, connection: Connection, settings: CustomerSettings) -> None:
        limit = usd_of_cents(settings.recharge.monthly_limit_cents or 0)
        reason = f"The limit of ${limit} for this month (UTC) is reached."
        is_news = await say_why_not_recharged(
            connection, settings.account_id, reason, self._top_up_url
        )
        if is_news:
            await self._tell(connection, settings, "auto_recharge_limit_reached", reason)

    async def _tell(
        self, connection: Connection, settings: CustomerSettings, kind: Kind, reason: str
    ) -> None:
        content = Content(
            account_name=settings.account_name,
            email=settings.email or settings.account_email,
            action_url=self._top_up_url,
            reason=reason,
        )
        await self._outbox.write(connection, settings.account_id, kind, content)


def _is_within_limit(settings: CustomerSettings, cents: int) -> bool:
    limit_cents = settings.recharge.monthly_limit_cents
    return limit_cents is not None and cents <= limit_cents


async def _insert(connection: Connection, settings: CustomerSettings, wanted: NewPurchase) -> str:
    purchase = await insert_purchase(connection, wanted)
    await connection.execute(
        _QUERIES["insert_attempts"],
        purchase.purchase_id,
        settings.customer_id,
        settings.payment_method_id,
    )
    await connection.execute(_QUERIES["clear_reason"], settings.account_id)
    return purchase.purchase_id


def _read(row: asyncpg.Record) -> Recharging:
    return Recharging(
        purchase_id=str(row["purchase_id"]),
        account_id=str(row["account_id"]),
        customer_id=row["stripe_customer_id"],
        payment_method_id=row["stripe_payment_method_id"],
        label=row["label"],
        price_cents=row["price_cents"],
        created_at=row["created_at"],
        attempts=row["attempts"],
        age_s=row["age"].total_seconds(),
        payment_intent_id=row["payment_intent_id"],
        is_wanted=row["recharge_state"] == "active",
        was_live=row["was_live"],
        has_other_card=row["saved_payment_method_id"] != row["stripe_payment_method_id"],
    )
