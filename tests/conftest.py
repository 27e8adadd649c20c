"""Engines for all tests: one PostgreSQL for the whole run, one Valkey for each worker."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, settings

from deploy.local.postgres_server import OWNER, PostgresServer
from tests.support.engines import SharedPostgres, run_apart, running_valkey
from tests.support.stack import Stack, open_stack
from tests.support.waiting import PATIENT

SHARED_POSTGRES = pytest.StashKey[SharedPostgres]()

# No test is about time: a machine that is busy with something else does not make one fail.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SHARED_POSTGRES] = SharedPostgres()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker where the PostgreSQL is that the process which started it runs."""
    server = node.config.stash[SHARED_POSTGRES].server
    node.workerinput["postgres"] = str(server.socket_folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[SHARED_POSTGRES].stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line why tests were left out, however many they are."""
    skipped = terminalreporter.getreports("skipped")
    reasons = Counter(one.longrepr[2] for one in skipped if isinstance(one.longrepr, tuple))
    for reason, number in reasons.items():
        why = reason.removeprefix("Skipped: ")
        terminalreporter.write_line(f"{number} tests left out: {why}", yellow=True)


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> PostgresServer:
    """The PostgreSQL of this run."""
    told = getattr(request.config, "workerinput", None)
    if told is not None:
        return PostgresServer(Path(told["postgres"]))
    return request.config.stash[SHARED_POSTGRES].server


@pytest.fixture(scope="session")
def database_names(request: pytest.FixtureRequest) -> Iterator[str]:
    """Names that no other worker uses."""
    told = getattr(request.config, "workerinput", {"workerid": "main"})
    return (f"test_{told['workerid']}_{number}" for number in count())


@pytest.fixture(scope="module")
def database_name(postgres_server: PostgresServer, database_names: Iterator[str]) -> Iterator[str]:
    """A migrated database of this module's own."""
    from ledger.migrate import migrate  # noqa: PLC0415 - not needed where no database is

    name = next(database_names)
    postgres_server.create_database(name)
    run_apart(migrate(postgres_server.url(name, OWNER)))
    yield name
    postgres_server.drop_database(name)


@pytest.fixture(scope="module")
def database_url(postgres_server: PostgresServer, database_name: str) -> str:
    """The module's database, as the application may use it."""
    return postgres_server.url(database_name)


@pytest.fixture(scope="module")
def migration_database_url(postgres_server: PostgresServer, database_name: str) -> str:
    """The module's database, as its owner."""
    return postgres_server.url(database_name, OWNER)


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """The Valkey of this worker."""
    with running_valkey() as valkey:
        yield valkey.url


@pytest.fixture
def redis_url(valkey_url: str) -> str:
    """An empty Valkey."""
    with redis.Redis.from_url(valkey_url, **PATIENT) as client:
        client.flushall()
    return valkey_url


@pytest.fixture
async def stack(database_url: str, redis_url: str) -> AsyncIterator[Stack]:
    """A whole Tollgate in front of a pretend provider."""
    async with open_stack(database_url, redis_url) as opened:
        yield opened
