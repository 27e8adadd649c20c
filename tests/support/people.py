"""The people's side for tests: accounts, keys, entries and usage on real engines, and an app."""

from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import asyncpg
import msgspec
from aiohttp import web
from redis.asyncio import Redis

from config.packages import load_packages
from config.rates import RateTable
from config.secrets import Secrets
from config.settings import DEFAULT_FOLDER, Settings, load_settings
from console.errors import ApiError
from console.handling import Handler
from console.identity import IDENTITY, Identity
from console.sessions import Sessions
from ledger.accounts import Account, Accounts
from ledger.api_keys import ApiKeys
from ledger.authentication import Authenticator
from ledger.console_sessions import ConsoleSessions
from ledger.database import acquired, connect_pool
from ledger.entries import Entries, PostedEntry
from ledger.ids import new_id
from ledger.keys import KeyHasher
from ledger.pipeline import Pipeline
from ledger.posting import Posting
from ledger.redis_copy import RedisWorkingCopy
from ledger.reports import Reports
from pricing.tokens import TokenCounter
from proxy.payments import Payments, open_payments
from proxy.people import PeoplesSide, people_routes
from tests.support.rates import shipped_table
from tests.support.waiting import PATIENCE_S, PATIENT

ADMIN_TOKEN = "an admin token for tests"
ADMIN = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
KEY_SECRET = b"a key secret for tests"
HASHER = KeyHasher(KEY_SECRET)
PUBLIC_URL = "http://credits.example.com"

_INSERT_USAGE = """
    insert into usage_records (
        request_id, kind, account_id, key_id, created_at, posted_at, model, endpoint, status, basis,
        is_stream, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, units, rates,
        rate_version, rounding, ceiling_mc, charge_mc, posted_mc, latency_ms
    )
    values (
        $1, $2, $3, $4, $5, $5, $6, '/v1/chat/completions', $7, 'provider', false, 1000, 200, 100,
        0,
        '{"input": 800, "output": 100, "cached_input": 200}',
        '{"input": "2.4", "output": "9.6", "cached_input": "1.2"}',
        'v1', 'millicredit', 20000, $8, $8, 812
    )
"""


_ADD_TO_DAY = """
    insert into usage_days as known (account_id, day, key_id, model, calls, charged_mc, last_at)
    values ($1, ($2::timestamptz at time zone 'UTC')::date, $3, $4, 1, $5, $2)
    on conflict (account_id, day, key_id, model) do update set
        calls = known.calls + 1,
        charged_mc = known.charged_mc + excluded.charged_mc,
        last_at = greatest(known.last_at, excluded.last_at)
"""


@dataclass(frozen=True)
class Desk:
    """All collaborators of the people's side, on one database and one Redis."""

    pool: asyncpg.Pool
    accounts: Accounts
    keys: ApiKeys
    entries: Entries
    reports: Reports
    pipeline: Pipeline
    working_copy: RedisWorkingCopy
    sessions: Sessions
    settings: Settings
    secrets: Secrets
    payments: Payments
    rates: RateTable

    async def account_with(self, amount_mc: int, name: str = "Ada") -> Account:
        """A new account, and a grant that Redis knows of."""
        account = await self.accounts.create(name)
        if amount_mc:
            await self.grant(account.account_id, amount_mc)
        return account

    async def grant(self, account_id: str, amount_mc: int, key: str | None = None) -> PostedEntry:
        """A grant, by default with an idempotency key of its own, told to Redis."""
        posted = await self.entries.post(grant_of(account_id, amount_mc, key))
        await self.working_copy.apply_syncs(account_id)
        return posted

    async def use(
        self,
        account_id: str,
        posted_at: datetime,
        *,
        model: str = "gpt-4o-mini",
        kind: str = "settled",
        request_id: str | None = None,
        key_id: str | None = None,
        status: str = "completed",
        charge_mc: int = 3120,
    ) -> str:
        """One call's row, and its part in its day; returns its request id."""
        request_id, key_id = request_id or new_id(), key_id or new_id()
        async with acquired(self.pool) as connection:
            await connection.execute(
                _INSERT_USAGE,
                request_id,
                kind,
                account_id,
                key_id,
                posted_at,
                model,
                status,
                charge_mc,
            )
            day = (account_id, posted_at, key_id, model, charge_mc)
            await connection.execute(_ADD_TO_DAY, *day)
        return request_id


def grant_of(account_id: str, amount_mc: int, key: str | None = None, **changes: Any) -> Posting:
    """What somebody asks to be granted."""
    values = {
        "account_id": account_id,
        "entry_type": "grant",
        "amount_mc": amount_mc,
        "description": "Welcome",
        "idempotency_key": key or new_id(),
        "actor": "tests",
    }
    return Posting(**{**values, **changes})


@asynccontextmanager
async def open_desk(
    database_url: str, redis_url: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Desk]:
    """The people's side on these engines."""
    settings = load_settings(DEFAULT_FOLDER, environment or {})
    settings = msgspec.structs.replace(settings, public_url=PUBLIC_URL)
    secrets = Secrets(
        database_url=database_url,
        redis_url=redis_url,
        admin_token=ADMIN_TOKEN,
        key_secret=KEY_SECRET,
        upstream_keys={},
    )
    pool = await connect_pool(database_url, min_size=0, max_size=20)
    redis = Redis.from_url(redis_url, **PATIENT)
    pipeline = Pipeline(redis, PATIENCE_S)
    working_copy = RedisWorkingCopy(pipeline, pool)
    packages = load_packages(DEFAULT_FOLDER)
    try:
        async with open_payments(
            settings, secrets, packages, pool=pool, working_copy=working_copy
        ) as payments:
            yield Desk(
                pool=pool,
                accounts=Accounts(pool),
                keys=ApiKeys(pool, HASHER),
                entries=Entries(pool),
                reports=Reports(pool),
                pipeline=pipeline,
                working_copy=working_copy,
                sessions=Sessions(
                    pipeline, ConsoleSessions(pool), link_ttl_s=900, session_ttl_s=43_200
                ),
                settings=settings,
                secrets=secrets,
                payments=payments,
                rates=shipped_table(frozenset(settings.upstreams)),
            )
    finally:
        await pipeline.close()
        await redis.aclose()
        await pool.close()


def desk_app(desk: Desk, public_url: str = PUBLIC_URL) -> web.Application:
    """The people's routes; `X-Account` says whose key it would have been, `X-Key` which."""
    executor = ThreadPoolExecutor(1)
    side = PeoplesSide(
        settings=msgspec.structs.replace(desk.settings, public_url=public_url),
        secrets=desk.secrets,
        packages=load_packages(DEFAULT_FOLDER),
        rates=partial(_rates, desk),
        payments=desk.payments,
        pool=desk.pool,
        pipeline=desk.pipeline,
        aside=desk.pipeline,
        working_copy=desk.working_copy,
        authenticator=Authenticator(HASHER, desk.pipeline, desk.pool),
        counter=TokenCounter(Path(gettempdir()) / "tollgate-test-ranks"),
        executor=executor,
    )
    app = web.Application(middlewares=[_envelopes, _identities], client_max_size=100_000)
    app.add_routes(people_routes(side))
    app.on_cleanup.append(partial(_shut_down, executor))
    return app


def minute(number: int) -> datetime:
    """The times of a test's rows."""
    return datetime(2026, 1, 31, 12, number, tzinfo=UTC)


def _rates(desk: Desk) -> RateTable:
    return desk.rates


async def _shut_down(executor: ThreadPoolExecutor, _app: web.Application) -> None:
    executor.shutdown()


@web.middleware
async def _envelopes(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        return web.Response(
            body=error.encode(),
            status=error.status,
            headers=error.headers,
            content_type="application/json",
        )


@web.middleware
async def _identities(request: web.Request, handler: Handler) -> web.StreamResponse:
    account_id = request.headers.get("X-Account")
    if account_id:
        request[IDENTITY] = Identity(
            account_id, request.headers.get("X-Key") or new_id(), "sk-tg-AbCdEf"
        )
    return await handler(request)
