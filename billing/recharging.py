"""Puts automatic recharge together: for the page that saves a card, and for the loop that asks."""

from collections.abc import Mapping

import asyncpg

from billing.auto_recharge import AutoRecharge
from billing.card_setup import CardSetup
from billing.outbox import Outbox
from billing.recharge_store import RechargeStore
from billing.stripe_client import StripeApi
from billing.takings import Takings
from config.packages import Package
from config.settings import Settings
from ledger.working_copy import WorkingCopy


def auto_recharge(
    settings: Settings,
    packages: Mapping[str, Package],
    api: StripeApi,
    *,
    pool: asyncpg.Pool,
    working_copy: WorkingCopy,
    takings: Takings,
    outbox: Outbox,
    console_url: str,
    top_up_url: str,
) -> AutoRecharge:
    """Automatic recharge by these settings; people come back from Stripe to `console_url`."""
    store = RechargeStore(
        pool,
        outbox,
        packages,
        credits_per_usd=settings.credits_per_usd,
        top_up_url=top_up_url,
    )
    setup = CardSetup(api, pool, page_url=console_url)
    return AutoRecharge(api, store, working_copy, setup, pool=pool, takings=takings)
