"""Puts together what sells credits: for workers, the writer and commands alike."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import asyncpg
import msgspec

from billing.auto_recharge import AutoRecharge
from billing.checkout import Checkout
from billing.crediting import Crediting
from billing.disputes import Disputes
from billing.errors import PaymentsNotConfiguredError
from billing.events import StripeEvents
from billing.notices import outbox_of
from billing.page_params import sales_terms
from billing.purchases import Purchases
from billing.recharging import auto_recharge
from billing.return_links import ReturnLinks
from billing.returns import Returns
from billing.settings import BillingSettings
from billing.stripe_client import StripeApi
from billing.sync import BillingSync
from billing.takings import Takings
from config.packages import Package
from config.secrets import Secrets
from config.settings import Settings
from ledger.working_copy import WorkingCopy


class Payments(msgspec.Struct, frozen=True):
    """All that sells. `auto_recharge` is None where there is no key for Stripe."""

    checkout: Checkout
    events: StripeEvents
    returns: Returns
    purchases: Purchases
    settings: BillingSettings
    sync: BillingSync
    auto_recharge: AutoRecharge | None

    @property
    def are_open(self) -> bool:
        """Whether anything can be bought: whether there is a key for Stripe."""
        return self.auto_recharge is not None

    @property
    def begin_setup(self) -> Callable[[str], Awaitable[str]]:
        """Begins to save an account's card; refuses where there is no key for Stripe."""
        return _no_setup if self.auto_recharge is None else self.auto_recharge.begin_setup


@asynccontextmanager
async def open_stripe(
    secret_key: str | None, api_base: str | None
) -> AsyncIterator[StripeApi | None]:
    """A client for Stripe with its connections; None without a key."""
    if secret_key is None:
        yield None
        return
    stripe = StripeApi(secret_key, api_base=api_base)
    try:
        yield stripe
    finally:
        await stripe.close()


def disputes_of(settings: Settings) -> Disputes:
    """What disputes mean to accounts, by these settings."""
    return Disputes(refuse_calls=settings.refuse_calls_during_disputes)


def takings_of(settings: Settings) -> Takings:
    """The way from what Stripe says to credits, by these settings."""
    days = settings.purchased_credits_expire_after_days
    return Takings(Crediting(expire_after_days=days, disputes=disputes_of(settings)))


@asynccontextmanager
async def open_payments(
    settings: Settings,
    secrets: Secrets,
    packages: Mapping[str, Package],
    *,
    pool: asyncpg.Pool,
    working_copy: WorkingCopy,
) -> AsyncIterator[Payments]:
    """All that sells, with its connections to Stripe; `settings.public_url` must be set."""
    public_url = settings.public_url or ""
    async with open_stripe(secrets.stripe_secret_key, secrets.stripe_api_base) as stripe:
        takings = takings_of(settings)
        links = ReturnLinks(public_url, secrets.key_secret)
        yield Payments(
            checkout=Checkout(
                *(pool, stripe, takings, working_copy, packages),
                links=links,
                terms=sales_terms(settings),
                credits_per_usd=settings.credits_per_usd,
            ),
            events=StripeEvents(
                *(pool, takings, working_copy),
                secret=secrets.stripe_webhook_secret,
                is_live=None if stripe is None else stripe.is_live,
            ),
            returns=Returns(pool, stripe, takings, working_copy, links),
            purchases=Purchases(pool),
            settings=BillingSettings(pool, packages, top_up_url=settings.top_up_page),
            sync=BillingSync(pool, stripe, takings, disputes_of(settings), working_copy),
            auto_recharge=None
            if stripe is None
            else auto_recharge(
                *(settings, packages, stripe),
                pool=pool,
                working_copy=working_copy,
                takings=takings,
                outbox=outbox_of(settings),
                console_url=f"{public_url}/console",
                top_up_url=settings.top_up_page,
            ),
        )


async def _no_setup(_account_id: str) -> str:
    raise PaymentsNotConfiguredError
