"""How tests look at local engines, harm them, and wait."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import redis

from deploy.local.engine import Engine
from deploy.local.postgres import LocalPostgres
from deploy.local.postgres_server import OWNER
from deploy.local.valkey import LocalValkey
from tests.support.engines import run_apart
from tests.support.waiting import PATIENCE_S, PATIENT

StartEngine = Callable[[Engine], None]


@contextmanager
def owner(state: Path, *flags: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, int]]]:
    """Run a process that owns both engines of `state`, and read what it says about them."""
    command = [sys.executable, "-m", "tests.support.engine_owner", str(state), *flags]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
        process.communicate(timeout=PATIENCE_S)


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds that other processes bring about."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "never came true"
        time.sleep(0.01)


def query(url: str, *statements: str) -> list[tuple[object, ...]]:
    """Run statements one after the other; return the rows of the last."""

    async def run() -> list[tuple[object, ...]]:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return [tuple(row) for row in await connection.fetch(statements[-1])]
        finally:
            await connection.close()

    return run_apart(run())


def keep_a_row(postgres: LocalPostgres, *, column: int) -> None:
    """Commit one row as the owner."""
    create = "create table if not exists kept (id bigint primary key)"
    query(postgres.url(user=OWNER), create, f"insert into kept values ({column}) returning id")


def kept_rows(postgres: LocalPostgres) -> list[tuple[object, ...]]:
    """Read the rows that were committed."""
    return query(postgres.url(user=OWNER), "select id from kept order by id")


def answers(postgres: LocalPostgres) -> bool:
    """Say whether the engine answers the application."""
    return query(postgres.url(), "select 1") == [(1,)]


def increment(valkey: LocalValkey) -> object:
    """Increment a counter in Valkey."""
    with redis.Redis.from_url(valkey.url, **PATIENT) as client:
        return client.incr("counter")


def kill(process: int | None) -> None:
    """End a process as a power failure would."""
    assert process is not None
    os.kill(process, signal.SIGKILL)


def wait_until_dead(engine: Engine) -> None:
    """Wait until the engine's owner sees that it has died."""
    eventually(lambda: not engine.is_alive())
