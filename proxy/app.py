"""Puts the object graph of a serving process together, and takes it apart again."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import msgspec
from aiohttp import web

from config.packages import Package
from config.secrets import Secrets
from config.settings import Settings
from console.billing_settings_api import BillingSettingsApi
from console.checkout_api import CheckoutApi
from console.checkout_page import CheckoutPage
from console.close_api import CloseApi
from console.credits_page import CreditsPage
from console.customer_api import CustomerApi
from console.entries_api import EntriesApi
from console.estimate import Estimator
from console.export_answers import ExportAnswers
from console.exports_api import ExportsApi
from console.low_balance import LowBalanceThresholds
from console.operator_api import OperatorApi
from console.operator_guard import OperatorGuard
from console.packages_api import PackagesApi
from console.purchases_api import PurchasesApi
from console.rates_api import RatesApi
from console.reconcile_api import ReconcileApi
from console.sessions import Sessions
from console.stripe_webhook import StripeWebhook
from ledger.accounts import Accounts
from ledger.api_keys import ApiKeys
from ledger.authentication import Authenticator
from ledger.closings import Closings
from ledger.database import connect_pool
from ledger.entries import Entries
from ledger.holds import Holds
from ledger.keys import KeyHasher
from ledger.pipeline import Pipeline, open_pipeline
from ledger.rate_versions import RateVersions
from ledger.reconciliation.reconciler import Reconciler
from ledger.reconciliation.redis_check import RedisCheck
from ledger.reconciliation.results import Results
from ledger.redis_copy import RedisWorkingCopy
from ledger.reports import Reports
from ledger.reservations import Reservations
from ledger.settlements import Settlements
from ledger.vital_signs import Pulse
from pricing.packages import offer
from pricing.tokens import TokenCounter
from proxy.charges import Charges
from proxy.counting import Counting
from proxy.health import Health
from proxy.in_flight import InFlight
from proxy.metering import Metering
from proxy.metrics import Metrics
from proxy.middlewares import METERED, middlewares, sign_responses
from proxy.models import ModelList
from proxy.payments import Payments, open_payments
from proxy.rates.current import CurrentRates
from proxy.rates.recording import recording
from proxy.relay.departures import Departures
from proxy.relay.stream import StreamRelay
from proxy.reserving import Reserving
from proxy.slow_starters import SlowStarters
from proxy.upstreams.aiohttp_upstream import AiohttpUpstream, open_session
from proxy.upstreams.upstream import Upstream

POOL_SIZE = 8
COUNTING_THREADS = 2


class Server(msgspec.Struct, frozen=True):
    """A serving process: the application, and what must end before it closes."""

    app: web.Application
    in_flight: InFlight
    reservations: Reservations
    settlements: Settlements
    slow_starters: SlowStarters


class _Engines(msgspec.Struct, frozen=True):
    pipeline: Pipeline
    aside: Pipeline  # for what calls must not wait for
    pool: asyncpg.Pool
    working_copy: RedisWorkingCopy
    executor: ThreadPoolExecutor
    counter: TokenCounter
    upstreams: dict[str, Upstream]


@asynccontextmanager
async def open_server(
    settings: Settings, secrets: Secrets, rates: CurrentRates, packages: Mapping[str, Package]
) -> AsyncIterator[Server]:
    """A server, ready to be run; `settings.public_url` must be set.

    It starts without Postgres and without Redis: calls are refused for as long as Redis is away.
    """
    async with AsyncExitStack() as stack:
        engines = await _open_engines(stack, settings, secrets)
        await stack.enter_async_context(recording(rates, engines.pool))
        holds = Holds(
            engines.pipeline,
            engines.working_copy,
            ttl_s=settings.reservation_ttl_s,
            max_unwritten=settings.max_unwritten_records,
        )
        settlements = Settlements(holds, engines.pipeline, wait_s=settings.settle_wait_s)
        reservations = Reservations(holds, settlements, ttl_s=settings.reservation_ttl_s)
        departures = Departures()
        for work in (reservations.keep_alive(), settlements.watch(), departures.look()):
            stack.enter_context(_running(asyncio.ensure_future(work)))
        in_flight, slow_starters = InFlight(), SlowStarters(settings.client_timeout_s)
        app = _application(settings, secrets, engines, in_flight, slow_starters)
        metering = _metering(settings, rates, reservations, departures, engines)
        app.router.add_post("/v1/chat/completions", metering.handle, name=METERED)
        app.add_routes(ModelList(rates.current).routes())
        app.add_routes(Health(engines.pipeline, in_flight).routes())
        app.add_routes(Metrics(Pulse(engines.pool, engines.aside)).routes())
        payments = await stack.enter_async_context(
            open_payments(
                *(settings, secrets, packages),
                pool=engines.pool,
                working_copy=engines.working_copy,
            )
        )
        app.add_routes(_people_routes(settings, secrets, rates, payments, engines))
        app.add_routes(_billing_routes(settings, packages, payments, engines))
        yield Server(app, in_flight, reservations, settlements, slow_starters)


async def _open_engines(stack: AsyncExitStack, settings: Settings, secrets: Secrets) -> _Engines:
    pipeline = await stack.enter_async_context(open_pipeline(secrets.redis_url))
    aside = await stack.enter_async_context(open_pipeline(secrets.redis_url))
    pool = await connect_pool(secrets.database_url, min_size=0, max_size=POOL_SIZE)
    stack.push_async_callback(pool.close)
    session = await stack.enter_async_context(open_session())
    executor = stack.enter_context(ThreadPoolExecutor(COUNTING_THREADS, "count"))
    upstreams: dict[str, Upstream] = {
        name: AiohttpUpstream(session, upstream, secrets.upstream_keys[name])
        for name, upstream in settings.upstreams.items()
    }
    return _Engines(
        pipeline,
        aside,
        pool,
        RedisWorkingCopy(pipeline, pool),
        executor,
        TokenCounter(Path(settings.state_dir) / "tokenizers"),
        upstreams,
    )


def _metering(
    settings: Settings,
    rates: CurrentRates,
    reservations: Reservations,
    departures: Departures,
    engines: _Engines,
) -> Metering:
    charges = Charges(
        Counting(engines.counter, engines.executor),
        rounding=settings.rounding,
        orphan_policy=settings.orphan_policy,
    )
    streams = StreamRelay(
        departures,
        drain_s=settings.abandoned_drain_s,
        client_timeout_s=settings.client_timeout_s,
    )
    reserving = Reserving(reservations, charges, settings)
    return Metering(settings, rates, reserving, engines.upstreams, streams)


def _application(
    settings: Settings,
    secrets: Secrets,
    engines: _Engines,
    in_flight: InFlight,
    slow_starters: SlowStarters,
) -> web.Application:
    hasher = KeyHasher(secrets.key_secret)
    authenticator = Authenticator(hasher, engines.pipeline, engines.pool)
    app = web.Application(
        middlewares=middlewares(authenticator, engines.working_copy, in_flight, slow_starters),
        client_max_size=settings.max_body_bytes,
    )
    app.on_response_prepare.append(sign_responses)
    return app


def _people_routes(
    settings: Settings,
    secrets: Secrets,
    rates: CurrentRates,
    payments: Payments,
    engines: _Engines,
) -> list[web.RouteDef]:
    pool, working_copy = engines.pool, engines.working_copy
    public_url = settings.public_url or ""
    reports = Reports(pool)
    sessions = Sessions(
        engines.pipeline,
        link_ttl_s=settings.console_link_ttl_s,
        session_ttl_s=settings.console_session_ttl_s,
    )
    estimator = Estimator(rates.current, engines.counter, engines.executor, settings)
    # Each with places of its own: customers who read slowly keep no operator waiting.
    exports, own_exports = ExportAnswers(pool), ExportAnswers(pool)
    default_credits = settings.low_balance_credits
    thresholds = LowBalanceThresholds(payments.settings, default_credits=default_credits)
    customers = CustomerApi(
        *(reports, working_copy, estimator, rates.current, settings),
        exports=own_exports,
        thresholds=thresholds,
    )
    guard = OperatorGuard(secrets.admin_token)
    operators = OperatorApi(
        guard,
        Accounts(pool),
        ApiKeys(pool, KeyHasher(secrets.key_secret)),
        reports=reports,
        working_copy=working_copy,
        sessions=sessions,
        public_url=public_url,
    )
    page = CreditsPage(
        Accounts(pool),
        reports,
        working_copy,
        sessions=sessions,
        rates=rates.current,
        settings=settings,
        public_url=public_url,
    )
    posted = EntriesApi(guard, Entries(pool), reports, working_copy)
    rate_versions = RatesApi(guard, RateVersions(pool))
    redis_check = RedisCheck(engines.aside, pool, ttl_s=settings.reservation_ttl_s)
    reconciling = ReconcileApi(guard, Reconciler(redis_check, pool), Results(pool))
    return [
        *customers.routes(),
        *operators.routes(),
        *posted.routes(),
        *rate_versions.routes(),
        *reconciling.routes(),
        *ExportsApi(guard, Accounts(pool), exports, settings).routes(),
        *CloseApi(guard, Closings(pool), settings).routes(),
        *page.routes(),
    ]


def _billing_routes(
    settings: Settings, packages: Mapping[str, Package], payments: Payments, engines: _Engines
) -> list[web.RouteDef]:
    per_usd = settings.credits_per_usd
    offers = [offer(package, per_usd) for package in packages.values()]
    own_settings = BillingSettingsApi(
        payments.settings, payments.begin_setup, default_credits=settings.low_balance_credits
    )
    page = CheckoutPage(payments.returns, engines.working_copy, credits_per_usd=per_usd)
    return [
        *PackagesApi(offers, per_usd).routes(),
        *CheckoutApi(payments.checkout).routes(),
        *PurchasesApi(payments.purchases).routes(),
        *own_settings.routes(),
        *StripeWebhook(payments.events).routes(),
        *page.routes(),
    ]


@contextmanager
def _running(task: asyncio.Future[None]) -> Iterator[None]:
    try:
        yield
    finally:
        task.cancel()
