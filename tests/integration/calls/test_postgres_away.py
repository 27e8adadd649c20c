"""G10: without Postgres calls go on, and their records wait; up to a bound."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg
import msgspec
import pytest

from deploy.local.postgres import LocalPostgres
from deploy.local.postgres_server import OWNER
from ledger.keys import generate_key
from ledger.migrate import migrate
from proxy.app import open_server
from tests.support.calls import error_of, mini_charge_mc
from tests.support.engines import THROWAWAY, reachable_folder, run_apart
from tests.support.front import serving
from tests.support.pretend import chat, knobs
from tests.support.rates import fixed_rates
from tests.support.stack import Customer, Stack, open_stack
from tests.support.watched_provider import WatchedProvider

CALL = knobs(input_tokens=100, output_tokens=50)
CHARGE_MC = mini_charge_mc(100, 50)


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[LocalPostgres]:
    """A PostgreSQL of this module's own, to be stopped."""
    with reachable_folder() as folder:
        engine = LocalPostgres(folder, settings=THROWAWAY)
        engine.start()
        try:
            run_apart(migrate(engine.url(user=OWNER)))
            yield engine
        finally:
            engine.stop()


@pytest.fixture
def postgres(own_postgres: LocalPostgres) -> LocalPostgres:
    """The module's PostgreSQL, which runs."""
    if not own_postgres.is_alive():
        own_postgres.start()
    return own_postgres


@asynccontextmanager
async def front_of_its_own(stack: Stack) -> AsyncIterator[str]:
    """A serving process that was started a moment ago, on the engines of a stack."""
    async with (
        open_server(stack.settings, stack.secrets, fixed_rates(stack.table), {}) as server,
        serving(server.app) as url,
    ):
        yield url


async def ask(stack: Stack, customer: Customer) -> tuple[int, str]:
    """Status and error code of a call."""
    answer = await stack.post(customer, chat(), CALL)
    content = await answer.read()
    return answer.status, "" if answer.status == 200 else error_of(content)["code"]


async def assert_all_written(stack: Stack, postgres: LocalPostgres, *customers: Customer) -> None:
    """After it came back, every call of `customers` has its row and its entry, once."""
    postgres.start()
    stack.database = await asyncpg.connect(postgres.url())
    try:
        await stack.assert_books_agree()
        for customer in customers:
            rows = (await stack.get(customer, "/credits/usage"))["data"]
            assert {row["chargedMillicredits"] for row in rows} == {str(CHARGE_MC)}
            left_mc = 1_000_000 - len(rows) * CHARGE_MC
            assert await stack.balance_mc(customer) == left_mc
    finally:
        await stack.database.close()


async def test_calls_of_known_keys_go_on(
    postgres: LocalPostgres, redis_url: str, provider: WatchedProvider
) -> None:
    """G10: charges are taken in Redis; the records are written when Postgres is back."""
    async with open_stack(postgres.url(), redis_url, upstream_url=provider.url) as stack:
        customer = await stack.customer("1000")
        assert await ask(stack, customer) == (200, "")
        postgres.stop()
        for _ in range(5):
            assert await ask(stack, customer) == (200, "")
        balance = await stack.get(customer, "/credits/balance")
        assert balance["balanceMillicredits"] == str(1_000_000 - 6 * CHARGE_MC)
        assert int(balance["unwrittenMillicredits"]) >= 5 * CHARGE_MC
        await assert_all_written(stack, postgres, customer)
        assert len((await stack.get(customer, "/credits/usage"))["data"]) == 6


async def test_a_fresh_server_knows_the_keys_that_redis_knows(
    postgres: LocalPostgres, redis_url: str, provider: WatchedProvider
) -> None:
    """G10: a process that starts while Postgres is away serves those keys; others get 503."""
    async with open_stack(postgres.url(), redis_url, upstream_url=provider.url) as stack:
        known, unused = await stack.customer("1000"), await stack.customer("1000")
        assert await ask(stack, known) == (200, "")
        postgres.stop()
        async with front_of_its_own(stack) as url:
            stack.url, own_url = url, stack.url
            assert await ask(stack, known) == (200, "")
            assert await ask(stack, unused) == (503, "database_unavailable")
            stack.url = own_url
        await assert_all_written(stack, postgres, known)


async def test_an_unknown_key_is_not_called_wrong(
    postgres: LocalPostgres, redis_url: str, provider: WatchedProvider
) -> None:
    """G10: nobody can tell whether the key is good: 503, never 401; and nothing leaves."""
    async with open_stack(postgres.url(), redis_url, upstream_url=provider.url) as stack:
        customer = await stack.customer("1000")
        postgres.stop()
        stranger = Customer(customer.account_id, customer.key_id, generate_key())
        assert await ask(stack, stranger) == (503, "database_unavailable")
        assert await ask(stack, customer) == (503, "database_unavailable")
        assert provider.requests == []
        await assert_all_written(stack, postgres)
        assert await ask(stack, stranger) == (401, "invalid_api_key")
        assert await ask(stack, customer) == (200, "")


async def test_the_backlog_is_bounded(
    postgres: LocalPostgres, redis_url: str, provider: WatchedProvider
) -> None:
    """G10: past `max_unwritten_records` calls get 503, until the writer has caught up."""
    async with open_stack(
        postgres.url(), redis_url, upstream_url=provider.url, max_unwritten_records=3
    ) as stack:
        customer = await stack.customer("1000")
        assert await ask(stack, customer) == (200, "")
        await stack.settled()
        postgres.stop()
        assert [await ask(stack, customer) for _ in range(3)] == [(200, "")] * 3
        answer = await stack.post(customer, chat(), CALL)
        assert (answer.status, error_of(await answer.read())["code"]) == (503, "backlog_full")
        assert answer.headers["retry-after"]
        assert len(provider.requests) == 4
        await assert_all_written(stack, postgres, customer)
        assert await ask(stack, customer) == (200, "")


async def test_what_only_postgres_knows_is_a_503(
    postgres: LocalPostgres, redis_url: str, provider: WatchedProvider
) -> None:
    """G10: the envelope, for lists too; the server stays ready, as calls go on."""
    async with open_stack(postgres.url(), redis_url, upstream_url=provider.url) as stack:
        customer = await stack.customer("1000")
        assert await ask(stack, customer) == (200, "")
        postgres.stop()
        url = f"{stack.url}/v1/credits/usage"
        async with stack.session.get(url, headers=customer.auth) as answer:
            assert (answer.status, error_of(await answer.read())["code"]) == (
                503,
                "database_unavailable",
            )
        async with stack.session.get(f"{stack.url}/readyz") as ready:
            assert (ready.status, msgspec.json.decode(await ready.read())) == (
                200,
                {"status": "ok"},
            )
        await assert_all_written(stack, postgres, customer)
