"""A whole Tollgate for tests: real engines, the server, the writer's loops, a pretend provider."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import aiohttp
import asyncpg
import msgspec
from aiohttp.test_utils import TestServer
from openai import AsyncOpenAI
from redis.asyncio import Redis

from config.packages import load_packages
from config.rates import RateTable
from config.secrets import Secrets
from config.settings import DEFAULT_FOLDER, Settings, load_settings
from deploy.local.pretend_provider.app import create_pretend_provider
from ledger.caretaker import Caretaker
from ledger.ids import PARTITIONS
from ledger.redis_keys import account_keys, partition_keys
from pricing.tokens import TokenCounter
from proxy.app import Server, open_server
from proxy.processes.writer_process import open_caretaker
from tests.support.front import serving
from tests.support.rates import fixed_rates, shipped_table
from tests.support.waiting import PATIENCE_S, PATIENT

ADMIN_TOKEN = "an admin token for tests"
ADMIN = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
PROVIDER_KEY = "sk-of-the-provider"
COUNTER = TokenCounter(Path(gettempdir()) / "tollgate-test-ranks")


@dataclass
class Customer:
    """An account with a key."""

    account_id: str
    key_id: str
    key: str
    grants: int = 0

    @property
    def auth(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


@dataclass
class Stack:
    """What a test talks to."""

    url: str
    settings: Settings
    secrets: Secrets
    table: RateTable
    server: Server
    caretaker: Caretaker
    session: aiohttp.ClientSession
    database: asyncpg.Connection
    redis: Redis
    customers: list[Customer] = field(default_factory=list)

    async def admin(self, method: str, path: str, body: Any = None) -> Any:
        async with self.session.request(
            method, f"{self.url}/admin{path}", json=body, headers=ADMIN
        ) as response:
            assert response.status < 300, await response.text()
            return await response.json(loads=_exact)

    async def customer(self, credits: str = "0") -> Customer:
        account = await self.admin("POST", "/accounts", {"name": "A customer"})
        key = await self.admin("POST", f"/accounts/{account['accountId']}/keys", {"name": "test"})
        customer = Customer(account["accountId"], key["keyId"], key["key"])
        self.customers.append(customer)
        if Decimal(credits):
            await self.grant(customer, credits)
        return customer

    async def grant(self, customer: Customer, credits: str) -> Any:
        customer.grants += 1
        return await self.admin(
            "POST",
            f"/accounts/{customer.account_id}/grants",
            {
                "credits": credits,
                "description": "For a test",
                "idempotencyKey": f"grant {customer.grants}",
            },
        )

    def sdk(self, customer: Customer, **options: Any) -> AsyncOpenAI:
        return AsyncOpenAI(base_url=f"{self.url}/v1", api_key=customer.key, **options)

    async def get(self, customer: Customer, path: str) -> Any:
        async with self.session.get(f"{self.url}/v1{path}", headers=customer.auth) as response:
            assert response.status == 200, await response.text()
            return await response.json(loads=_exact)

    async def post(
        self, customer: Customer, body: Any, headers: dict[str, str] | None = None
    ) -> aiohttp.ClientResponse:
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return await self.session.post(
            f"{self.url}/v1/chat/completions", data=data, headers=customer.auth | (headers or {})
        )

    async def settled(self) -> None:
        """Waits until nothing is held, nothing waits for the writer and all syncs are applied."""
        async with asyncio.timeout(PATIENCE_S):
            while not await self._is_quiet():
                await self.caretaker.write_all()
                await asyncio.sleep(0.02)

    async def _is_quiet(self) -> bool:
        pipe = self.redis.pipeline(transaction=False)
        for number in range(PARTITIONS):
            pipe.xlen(partition_keys(number).settlements)
            pipe.zcard(partition_keys(number).deadlines)
        unsynced = await self.database.fetchval(
            "select count(*) from accounts where applied_sync_number < last_sync_number"
        )
        return not any(await pipe.execute()) and not unsynced and not len(self.server.settlements)

    async def assert_books_agree(self) -> None:
        """Redis and Postgres agree on every account, and each account's entries are a chain."""
        await self.settled()
        for customer in self.customers:
            row = await self.database.fetchrow(
                "select balance_mc, (select coalesce(sum(amount_mc), 0) from ledger_entries"
                " where account_id = accounts.id)::bigint as total from accounts where id = $1",
                customer.account_id,
            )
            balance = await self.get(customer, "/credits/balance")
            assert row["balance_mc"] == row["total"]
            assert int(balance["balanceMillicredits"]) == row["balance_mc"]
            assert balance["heldMillicredits"] == "0"
            assert balance["unwrittenMillicredits"] == "0"

    async def balance_mc(self, customer: Customer) -> int:
        return int((await self.get(customer, "/credits/balance"))["balanceMillicredits"])

    async def redis_account(self, customer: Customer) -> dict[str, str]:
        stored = await self.redis.hgetall(account_keys(customer.account_id).account)
        return {name.decode(): value.decode() for name, value in stored.items()}


def _exact(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


@asynccontextmanager
async def open_stack(
    database_url: str,
    redis_url: str,
    *,
    upstream_url: str | None = None,
    table: RateTable | None = None,
    **changes: Any,
) -> AsyncIterator[Stack]:
    """A stack on engines that are there already; `changes` are settings."""
    async with AsyncExitStack() as stack:
        if upstream_url is None:
            provider = TestServer(create_pretend_provider(COUNTER, api_key=PROVIDER_KEY))
            await stack.enter_async_context(provider)
            upstream_url = str(provider.make_url("/v1"))
        settings = load_settings(DEFAULT_FOLDER, {"OPENAI_BASE_URL": upstream_url})
        settings = msgspec.structs.replace(
            settings, public_url="http://credits.example.com", state_dir=gettempdir(), **changes
        )
        secrets = Secrets(
            database_url=database_url,
            redis_url=redis_url,
            admin_token=ADMIN_TOKEN,
            key_secret=b"a key secret for tests",
            upstream_keys={"openai": PROVIDER_KEY},
        )
        table = table or shipped_table(frozenset(settings.upstreams))
        database = await asyncpg.connect(database_url)
        stack.push_async_callback(database.close)
        redis = Redis.from_url(redis_url, **PATIENT)
        stack.push_async_callback(redis.aclose)
        await _begin_numbers(database, redis)
        packages = load_packages(DEFAULT_FOLDER)
        server = await stack.enter_async_context(
            open_server(settings, secrets, fixed_rates(table), packages)
        )
        url = await stack.enter_async_context(serving(server.app))
        caretaker = await stack.enter_async_context(
            open_caretaker(settings, secrets, fixed_rates(table))
        )
        stack.push_async_callback(_cancelled, asyncio.create_task(caretaker.run()))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Stack(
            *(url, settings, secrets, table, server, caretaker, session, database, redis),
        )


async def _begin_numbers(database: asyncpg.Connection, redis: Redis) -> None:
    """In an empty Redis nothing was numbered yet: it is a new one, not one that was set back."""
    if await redis.dbsize() == 0:
        await database.execute("set role tollgate_app")
        await database.execute("update stream_positions set last_number = 0, epoch = 0")
        await database.execute("reset role")


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
