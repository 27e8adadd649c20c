"""Selling a package: a purchase of ours first, then the page at Stripe where it is paid.

The purchase is committed before Stripe is asked, and its id is the idempotency key: asked again
after whatever crash, Stripe answers with the same page.
"""

from collections.abc import Mapping
from datetime import timedelta

import asyncpg
import msgspec
import structlog
from stripe.params.checkout import SessionCreateParams

from billing import purchase_store
from billing.errors import (
    PackageUnknownError,
    PaymentsNotConfiguredError,
    RequestChangedError,
    RequestKeyConflictError,
    StripeRefusedError,
    StripeUnavailableError,
)
from billing.page_params import SalesTerms, session_params
from billing.purchase_store import NewPurchase
from billing.purchases import Purchase
from billing.queries import load_queries
from billing.return_links import ReturnLinks
from billing.stripe_client import StripeApi
from billing.stripe_objects import CheckoutSession
from billing.takings import Takings
from config.packages import Package
from ledger.database import Connection, acquired, transaction
from ledger.errors import AccountUnknownError
from ledger.texts import read_id
from ledger.working_copy import WorkingCopy, tell

ONE_CLICK = timedelta(minutes=10)

_QUERIES = load_queries("purchases")
_log = structlog.get_logger(__name__)


class CheckoutPage(msgspec.Struct, frozen=True, kw_only=True):
    """Where the customer pays; `checkout_id` is Stripe's id of that visit."""

    url: str
    checkout_id: str
    purchase_id: str


class Checkout:
    """Begins checkouts. Without Stripe (None) there is nothing to pay with."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        stripe: StripeApi | None,
        takings: Takings,
        working_copy: WorkingCopy,
        packages: Mapping[str, Package],
        *,
        links: ReturnLinks,
        terms: SalesTerms,
        credits_per_usd: int,
    ) -> None:
        self._pool = pool
        self._stripe = stripe
        self._takings = takings
        self._working_copy = working_copy
        self._packages = packages
        self._links = links
        self._terms = terms
        self._credits_per_usd = credits_per_usd

    async def begin(
        self, account_id: str, package_id: str, request_key: str | None = None
    ) -> CheckoutPage:
        """The page where an account pays for a package.

        The same `request_key` leads to the same page; without one, the same package within ten
        minutes does, as long as that page is open: a double click buys once.

        Raises:
            PaymentsNotConfiguredError: there is no key for Stripe.
            PackageUnknownError: no such package is for sale.
            AccountUnknownError: there is no such account.
            RequestKeyConflictError: the key was used for another package.
            StripeUnavailableError, StripeRefusedError: there is no page; it may be tried again.
            DatabaseUnavailableError: Postgres is away.
        """
        if self._stripe is None:
            raise PaymentsNotConfiguredError
        package = self._packages.get(package_id)
        if package is None:
            raise PackageUnknownError(package_id)
        wanted = NewPurchase(
            account_id=account_id,
            kind="checkout",
            package=package,
            credits_per_usd=self._credits_per_usd,
            is_price_exact=self._terms.is_price_exact,
            request_key=request_key,
        )
        purchase = await self._purchase(wanted)
        if request_key is None and not await self._is_open(self._stripe, purchase):
            purchase = await self._purchase(wanted)
        return await self._page(self._stripe, purchase)

    async def _purchase(self, wanted: NewPurchase) -> Purchase:
        """The purchase that this is the second click of, else a new one."""
        read_id(wanted.account_id, AccountUnknownError)
        try:
            async with transaction(self._pool) as connection:
                await connection.execute(_QUERIES["one_checkout_at_a_time"], wanted.account_id)
                found = await _begun_before(connection, wanted)
                if found is None:
                    return await purchase_store.insert_purchase(connection, wanted)
                return found
        except asyncpg.ForeignKeyViolationError:
            raise AccountUnknownError(wanted.account_id) from None

    async def _is_open(self, stripe: StripeApi, purchase: Purchase) -> bool:
        """Whether a page can still be paid on; what has become of it meanwhile is taken down."""
        if purchase.checkout_session_id is None:
            return True
        try:
            session = await stripe.checkout_session(purchase.checkout_session_id)
        except StripeRefusedError as error:
            if not (error.is_unknown and purchase.is_test_checkout):
                raise  # what this key does not see of live mode could still be paid
            # Of test mode, or of the pretend Stripe: nobody can pay there.
            await self._fail(purchase, str(error))
            return False
        if session.status == "open":
            return True
        async with transaction(self._pool) as connection:
            accounts = await self._takings.take_session(connection, session)
        for account_id in accounts:
            await tell(self._working_copy, account_id)
        return False

    async def _page(self, stripe: StripeApi, purchase: Purchase) -> CheckoutPage:
        if purchase.checkout_session_id is not None and purchase.checkout_url is not None:
            return CheckoutPage(
                url=purchase.checkout_url,
                checkout_id=purchase.checkout_session_id,
                purchase_id=purchase.purchase_id,
            )
        session = await self._made(stripe, purchase, self._params(purchase))
        if session.url is None:
            raise StripeUnavailableError(f"session {session.id} has no page")
        async with transaction(self._pool) as connection:
            locked = await purchase_store.lock_purchase(connection, purchase.purchase_id)
            await purchase_store.name_session(connection, locked, session.id, session.url)
            await purchase_store.reach(connection, locked, "open")
        _log.info("checkout_begun", purchase_id=purchase.purchase_id, session_id=session.id)
        return CheckoutPage(
            url=session.url, checkout_id=session.id, purchase_id=purchase.purchase_id
        )

    def _params(self, purchase: Purchase) -> SessionCreateParams:
        return session_params(purchase, self._links, self._terms)

    async def _made(
        self, stripe: StripeApi, purchase: Purchase, params: SessionCreateParams
    ) -> CheckoutSession:
        try:
            return await stripe.create_checkout_session(params, purchase.purchase_id)
        except StripeRefusedError as error:
            # Also where Stripe has a page of other terms under this key: nobody was given its URL.
            await self._fail(purchase, str(error))
            if isinstance(error, RequestChangedError):
                raise StripeUnavailableError("the terms have changed meanwhile") from error
            raise

    async def _fail(self, purchase: Purchase, reason: str) -> None:
        _log.error("checkout_refused", purchase_id=purchase.purchase_id, reason=reason)
        async with acquired(self._pool) as connection:
            await purchase_store.fail(connection, purchase, reason)


async def _begun_before(connection: Connection, wanted: NewPurchase) -> Purchase | None:
    if wanted.request_key is None:
        found = await connection.fetchval(
            _QUERIES["purchase_begun_lately"],
            *(wanted.account_id, wanted.package.package_id, ONE_CLICK),
        )
        return None if found is None else await purchase_store.read(connection, found)
    found = await connection.fetchval(
        _QUERIES["purchase_by_request_key"], wanted.account_id, wanted.request_key
    )
    if found is None:
        return None
    purchase = await purchase_store.read(connection, found)
    if purchase.package_id != wanted.package.package_id:
        raise RequestKeyConflictError(
            f"idempotency key {wanted.request_key!r} was used for package {purchase.package_id}"
        )
    if purchase.status == "expired" and purchase.checkout_url is None:
        # Its page has ended before anybody was given it, and Stripe may have forgotten the key.
        await connection.execute(_QUERIES["forget_request_key"], purchase.purchase_id)
        return None
    return purchase
