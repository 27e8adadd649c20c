"""What customers have set for their credits: shown, changed, and the card that is saved."""

from collections.abc import Mapping
from datetime import datetime

import asyncpg
import msgspec

from billing.customer_settings import NO_CARD, CustomerSettings, Recharge, SettingsWish, after
from billing.queries import load_queries
from config.packages import Package
from ledger.database import Connection, acquired, transaction
from ledger.errors import AccountUnknownError

_QUERIES = load_queries("settings")


class SavedCard(msgspec.Struct, frozen=True, kw_only=True):
    """A way to pay, saved at Stripe for a customer of ours there."""

    customer_id: str
    payment_method_id: str
    saved_at: datetime


class BillingSettings:
    """Settings in Postgres. All methods raise DatabaseUnavailableError when it is away."""

    def __init__(
        self, pool: asyncpg.Pool, packages: Mapping[str, Package], *, top_up_url: str
    ) -> None:
        self._pool = pool
        self._packages = packages
        self._top_up_url = top_up_url

    async def get(self, account_id: str) -> CustomerSettings:
        """What is set; an account that has set nothing has the defaults.

        Raises:
            AccountUnknownError: there is no such account.
        """
        async with acquired(self._pool) as connection:
            return await read_settings(connection, account_id)

    async def put(self, account_id: str, wish: SettingsWish) -> CustomerSettings:
        """Changes what is wished, all or nothing; returns what is set then.

        Raises:
            BadSettingError, BadTextError: names the field, and says what would be right.
            AccountUnknownError: there is no such account.
        """
        async with transaction(self._pool) as connection:
            await read_settings(connection, account_id)  # before a row is made for nobody
            await lock_settings(connection, account_id)
            current = await read_settings(connection, account_id)
            settings = after(current, wish, self._packages, self._top_up_url)
            await _write(connection, settings)
        return settings


async def lock_settings(connection: Connection, account_id: str) -> None:
    """Locks an account's settings to the end of the transaction; after the purchase's lock."""
    await connection.execute(_QUERIES["ensure_settings"], account_id)
    await connection.execute(_QUERIES["lock_settings"], account_id)


async def read_settings(connection: Connection, account_id: str) -> CustomerSettings:
    """What is set.

    Raises:
        AccountUnknownError: there is no such account.
    """
    row = await connection.fetchrow(_QUERIES["settings"], account_id)
    if row is None:
        raise AccountUnknownError(account_id)
    return CustomerSettings(
        account_id=account_id,
        account_name=row["account_name"],
        account_email=row["account_email"],
        low_balance_mc=row["low_balance_mc"],
        email=row["notice_email"],
        customer_id=row["stripe_customer_id"],
        payment_method_id=row["stripe_payment_method_id"],
        card_brand=row["card_brand"],
        card_last4=row["card_last4"],
        recharge=Recharge(
            state=row["recharge_state"],
            below_mc=row["recharge_below_mc"],
            package_id=row["recharge_package_id"],
            monthly_limit_cents=row["recharge_monthly_limit_cents"],
            reason=row["recharge_reason"],
            action_url=row["recharge_action_url"],
        ),
    )


async def save_customer(connection: Connection, account_id: str, customer_id: str) -> None:
    """Keeps whom Stripe knows the account as."""
    await connection.execute(_QUERIES["ensure_settings"], account_id)
    await connection.execute(_QUERIES["save_customer"], account_id, customer_id)


async def forget_customer(connection: Connection, account_id: str, customer_id: str) -> None:
    """Forgets whom Stripe does not know any more, and the card of it."""
    await connection.execute(_QUERIES["forget_customer"], account_id, customer_id, NO_CARD)


async def save_card(connection: Connection, account_id: str, card: SavedCard) -> None:
    """Keeps a card for automatic recharge; one that had paused begins again with it.

    News of a card older than the saved one changes nothing.
    """
    await lock_settings(connection, account_id)
    await connection.execute(
        _QUERIES["save_card"],
        *(account_id, card.customer_id, card.payment_method_id, card.saved_at),
    )


async def forget_card(connection: Connection, payment_method_id: str) -> None:
    """Forgets a card that Stripe has no more; automatic recharge pauses without one."""
    await connection.execute(_QUERIES["forget_card"], payment_method_id, NO_CARD)


async def lost_cards(connection: Connection, action_url: str) -> list[str]:
    """Accounts that a card has paused which is gone; each once, with where to save another."""
    rows = await connection.fetch(_QUERIES["lost_cards"], action_url)
    return [str(row["account_id"]) for row in rows]


async def pause_recharge(
    connection: Connection, account_id: str, reason: str, action_url: str
) -> bool:
    """Pauses automatic recharge until the customer does something; False where it was not on."""
    done = await connection.execute(_QUERIES["pause_recharge"], account_id, reason, action_url)
    return bool(done != "UPDATE 0")


async def say_why_not_recharged(
    connection: Connection, account_id: str, reason: str, action_url: str | None
) -> bool:
    """Shows why it is not recharged now, and where people can do something about it, if they can;
    whether that is news.
    """
    done = await connection.execute(
        _QUERIES["say_why_not_recharged"], account_id, reason, action_url
    )
    return bool(done != "UPDATE 0")


async def _write(connection: Connection, settings: CustomerSettings) -> None:
    recharge = settings.recharge
    await connection.execute(
        _QUERIES["put_settings"],
        settings.account_id,
        settings.low_balance_mc,
        settings.email,
        recharge.state,
        recharge.below_mc,
        recharge.package_id,
        recharge.monthly_limit_cents,
        recharge.reason,
        recharge.action_url,
    )
