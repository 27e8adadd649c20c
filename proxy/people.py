"""Puts the people's side together: the customers' and the operators' API, and the Credits page."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor

import asyncpg
import msgspec
from aiohttp import web

from billing.falls import Falls
from config.packages import Package
from config.rates import RateTable
from config.secrets import Secrets
from config.settings import Settings
from console.billing_settings_api import BillingSettingsApi
from console.checkout_api import CheckoutApi
from console.checkout_page import CheckoutPage
from console.close_api import CloseApi
from console.customer_api import CustomerApi
from console.entries_api import EntriesApi
from console.estimate import Estimator
from console.export_answers import ExportAnswers
from console.exports_api import ExportsApi
from console.low_balance import LowBalanceThresholds
from console.operator_api import OperatorApi
from console.operator_guard import OperatorGuard
from console.packages_api import PackagesApi
from console.page.assets import Assets
from console.page.buying import Buying
from console.page.credits_page import CreditsPage
from console.page.dismissing import Dismissing
from console.page.elsewhere import Elsewhere
from console.page.guard import Guard
from console.page.key_forms import KeyForms
from console.page.operators import OperatorsPage
from console.page.own_api import own_api
from console.page.part import Parts
from console.page.parts.balance import BalancePart
from console.page.parts.keys import KeysPart
from console.page.parts.ledger import LedgerPart
from console.page.parts.news import NewsPart
from console.page.parts.packages import PackagesPart
from console.page.parts.rates import EstimatorPart, RatesPart
from console.page.parts.settings import SettingsPart
from console.page.parts.spending import SpendingPart
from console.page.parts.usage import UsagePart
from console.page.receipt_page import ReceiptPage
from console.page.settings_forms import SettingsForms
from console.page.signing_in import SigningIn
from console.pages import Pages
from console.purchases_api import PurchasesApi
from console.rates_api import RatesApi
from console.reconcile_api import ReconcileApi
from console.sessions import Sessions
from console.stripe_webhook import StripeWebhook
from ledger.accounts import Accounts
from ledger.api_keys import ApiKeys
from ledger.authentication import Authenticator
from ledger.closings import Closings
from ledger.console_sessions import ConsoleSessions
from ledger.entries import Entries
from ledger.keys import KeyHasher
from ledger.pipeline import Pipeline
from ledger.rate_versions import RateVersions
from ledger.reconciliation.reconciler import Reconciler
from ledger.reconciliation.redis_check import RedisCheck
from ledger.reconciliation.results import Results
from ledger.redis_copy import RedisWorkingCopy
from ledger.reports import Reports
from ledger.spending import Spending
from pricing.packages import offer
from pricing.tokens import TokenCounter
from proxy.payments import Payments


class PeoplesSide(msgspec.Struct, frozen=True, kw_only=True):
    """What the people's side works with. `aside` is a pipeline that calls do not wait for."""

    settings: Settings
    secrets: Secrets
    packages: Mapping[str, Package]
    rates: Callable[[], RateTable]
    payments: Payments
    pool: asyncpg.Pool
    pipeline: Pipeline
    aside: Pipeline
    working_copy: RedisWorkingCopy
    authenticator: Authenticator
    counter: TokenCounter
    executor: Executor

    @property
    def keys(self) -> ApiKeys:
        """The keys of all accounts."""
        return ApiKeys(self.pool, KeyHasher(self.secrets.key_secret))

    @property
    def sessions(self) -> Sessions:
        """Who is signed in."""
        return Sessions(
            self.pipeline,
            ConsoleSessions(self.pool),
            link_ttl_s=self.settings.console_link_ttl_s,
            session_ttl_s=self.settings.console_session_ttl_s,
        )

    @property
    def estimator(self) -> Estimator:
        """What calls would cost."""
        return Estimator(self.rates, self.counter, self.executor, self.settings)

    @property
    def thresholds(self) -> LowBalanceThresholds:
        """Below what accounts are low."""
        default_credits = self.settings.low_balance_credits
        return LowBalanceThresholds(self.payments.settings, default_credits=default_credits)


def people_routes(side: PeoplesSide) -> list[web.RouteDef]:
    """All of its routes; those below /v1 belong behind authentication by key."""
    customers = _customer_routes(side)
    return [
        *customers,
        *_operator_routes(side),
        *_page_routes(side, customers),
        *StripeWebhook(side.payments.events).routes(),
    ]


def _customer_routes(side: PeoplesSide) -> list[web.RouteDef]:
    settings, payments = side.settings, side.payments
    customers = CustomerApi(
        Reports(side.pool),
        side.working_copy,
        side.estimator,
        *(side.rates, settings),
        # Places of its own: customers who read slowly keep no operator waiting.
        exports=ExportAnswers(side.pool),
        thresholds=side.thresholds,
    )
    own_settings = BillingSettingsApi(
        *(payments.settings, payments.begin_setup, side.keys),
        default_credits=settings.low_balance_credits,
    )
    offers = [offer(package, settings.credits_per_usd) for package in side.packages.values()]
    return [
        *customers.routes(),
        *PackagesApi(offers, settings.credits_per_usd).routes(),
        *CheckoutApi(payments.checkout).routes(),
        *PurchasesApi(payments.purchases).routes(),
        *own_settings.routes(),
    ]


def _operator_routes(side: PeoplesSide) -> list[web.RouteDef]:
    pool, working_copy, settings = side.pool, side.working_copy, side.settings
    guard = OperatorGuard(side.secrets.admin_token)
    reports = Reports(pool)
    operators = OperatorApi(
        *(guard, Accounts(pool), side.keys),
        reports=reports,
        working_copy=working_copy,
        sessions=side.sessions,
        public_url=settings.public_url or "",
    )
    redis_check = RedisCheck(side.aside, pool, ttl_s=settings.reservation_ttl_s)
    return [
        *operators.routes(),
        *EntriesApi(guard, Entries(pool), reports, working_copy).routes(),
        *RatesApi(guard, RateVersions(pool)).routes(),
        *ReconcileApi(guard, Reconciler(redis_check, pool), Results(pool)).routes(),
        *ExportsApi(guard, Accounts(pool), ExportAnswers(pool), settings).routes(),
        *CloseApi(guard, Closings(pool), settings).routes(),
    ]


def _page_routes(side: PeoplesSide, customers: list[web.RouteDef]) -> list[web.RouteDef]:
    settings, pool, payments = side.settings, side.pool, side.payments
    public_url = settings.public_url or ""
    is_https = public_url.startswith("https://")
    pages = Pages(settings.credits_per_usd)
    guard = Guard(
        *(side.sessions, side.keys, side.working_copy, pages),
        admin_token=side.secrets.admin_token,
        public_url=public_url,
        link_ttl_s=settings.console_link_ttl_s,
    )
    signing_in = SigningIn(
        *(guard, pages, side.sessions),
        authenticator=side.authenticator,
        working_copy=side.working_copy,
        session_ttl_s=settings.console_session_ttl_s,
        is_https=is_https,
    )
    page = CreditsPage(guard, pages, _parts(side, pages), Accounts(pool))
    return [
        *page.routes(),
        *signing_in.routes(),
        *ReceiptPage(guard, pages, Reports(pool), side.keys).routes(),
        *Buying(guard, pages, payments.checkout, payments.begin_setup).routes(),
        *SettingsForms(guard, page, payments.settings).routes(),
        *KeyForms(guard, pages, page, side.keys, side.working_copy).routes(),
        *Dismissing(guard, is_https=is_https).routes(),
        *CheckoutPage(payments.returns, side.working_copy, guard, pages).routes(),
        *OperatorsPage(guard, pages, side.sessions, Accounts(pool)).routes(),
        *own_api(guard, customers),
        *Assets().routes(),
        *Elsewhere(guard).routes(),
    ]


def _parts(side: PeoplesSide, pages: Pages) -> Parts:
    """The parts of the Credits page: a new one is a file, a template and a line here."""
    settings, pool, payments = side.settings, side.pool, side.payments
    reports, spending, working_copy = Reports(pool), Spending(pool), side.working_copy
    offers = [offer(package, settings.credits_per_usd) for package in side.packages.values()]
    return Parts(
        pages,
        (
            NewsPart(payments.returns, working_copy),
            BalancePart(working_copy, side.thresholds, Falls(pool)),
            PackagesPart(offers, can_buy=payments.are_open),
            SpendingPart(spending, working_copy, side.rates),
            RatesPart(side.rates),
            EstimatorPart(side.rates, side.estimator),
            UsagePart(reports, spending, side.keys, side.rates),
            LedgerPart(reports, working_copy),
            SettingsPart(
                *(payments.settings, offers),
                default_credits=settings.low_balance_credits,
                can_buy=payments.are_open,
            ),
            KeysPart(side.keys),
        ),
    )
