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
from ledger.authentication import Authenticator
from ledger.database import connect_pool
from ledger.holds import Holds
from ledger.keys import KeyHasher
from ledger.pipeline import Pipeline, open_pipeline
from ledger.redis_copy import RedisWorkingCopy
from ledger.reservations import Reservations
from ledger.settlements import Settlements
from ledger.vital_signs import Pulse
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
from proxy.people import PeoplesSide, people_routes
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
    authenticator: Authenticator
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
        holds = _holds(settings, engines)
        settlements = Settlements(holds, engines.pipeline, wait_s=settings.settle_wait_s)
        reservations = Reservations(holds, settlements, ttl_s=settings.reservation_ttl_s)
        departures = Departures()
        for work in (reservations.keep_alive(), settlements.watch(), departures.look()):
            stack.enter_context(_running(asyncio.ensure_future(work)))
        in_flight, slow_starters = InFlight(), SlowStarters(settings.client_timeout_s)
        app = _application(settings, engines, in_flight, slow_starters)
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
        side = _peoples_side(
            *(settings, secrets, engines), packages=packages, rates=rates, payments=payments
        )
        app.add_routes(people_routes(side))
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
        Authenticator(KeyHasher(secrets.key_secret), pipeline, pool),
        executor,
        TokenCounter(Path(settings.state_dir) / "tokenizers"),
        upstreams,
    )


def _holds(settings: Settings, engines: _Engines) -> Holds:
    return Holds(
        engines.pipeline,
        engines.working_copy,
        ttl_s=settings.reservation_ttl_s,
        max_unwritten=settings.max_unwritten_records,
    )


def _peoples_side(
    settings: Settings,
    secrets: Secrets,
    engines: _Engines,
    *,
    packages: Mapping[str, Package],
    rates: CurrentRates,
    payments: Payments,
) -> PeoplesSide:
    return PeoplesSide(
        settings=settings,
        secrets=secrets,
        packages=packages,
        rates=rates.current,
        payments=payments,
        pool=engines.pool,
        pipeline=engines.pipeline,
        aside=engines.aside,
        working_copy=engines.working_copy,
        authenticator=engines.authenticator,
        counter=engines.counter,
        executor=engines.executor,
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
    engines: _Engines,
    in_flight: InFlight,
    slow_starters: SlowStarters,
) -> web.Application:
    app = web.Application(
        middlewares=middlewares(
            engines.authenticator, engines.working_copy, in_flight, slow_starters
        ),
        client_max_size=settings.max_body_bytes,
    )
    app.on_response_prepare.append(sign_responses)
    return app


@contextmanager
def _running(task: asyncio.Future[None]) -> Iterator[None]:
    try:
        yield
    finally:
        task.cancel()
