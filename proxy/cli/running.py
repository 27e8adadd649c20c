"""Runs a command's work with what it needs, and turns what goes wrong into one line."""

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import asyncpg
import click
from redis.asyncio import Redis

from billing.errors import StripeRefusedError, StripeUnavailableError
from config.errors import ConfigError
from config.secrets import SHORTEST_SECRET, stripe_api_base
from ledger.accounts import Accounts
from ledger.api_keys import ApiKeys, BadLimitError, KeyUnknownError
from ledger.chain import BalanceLimitError
from ledger.database import DatabaseNotReadyError, DatabaseUnavailableError, connect_pool
from ledger.entries import Entries
from ledger.errors import AccountUnknownError, RedisUnavailableError
from ledger.keys import KeyHasher
from ledger.pipeline import Pipeline
from ledger.posting import BadAmountError, BadPostingError, IdempotencyConflictError
from ledger.redis_copy import RedisWorkingCopy
from ledger.texts import BadTextError
from ledger.working_copy import WorkingCopy, tell
from pricing.money import NotAnAmountError
from proxy.cli.environment import load_environment, required

T = TypeVar("T")

REDIS_TIMEOUT_S = 5

_SELF_EXPLAINING = (
    ConfigError,
    DatabaseNotReadyError,
    BadTextError,
    BadAmountError,
    BadLimitError,
    BadPostingError,
    NotAnAmountError,
    BalanceLimitError,
    IdempotencyConflictError,
)


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of a command's work.

    Raises:
        click.ClickException: one line that says what went wrong.
    """
    with explained_errors():
        return asyncio.run(work)


@contextmanager
def explained_errors() -> Iterator[None]:
    """Turns the errors that users can do something about into one line each."""
    try:
        yield
    except _SELF_EXPLAINING as error:
        raise click.ClickException(str(error)) from error
    except DatabaseUnavailableError as error:
        raise click.ClickException(f"Postgres cannot be reached: {error}") from error
    except RedisUnavailableError as error:
        raise click.ClickException(f"Redis cannot be reached: {error}") from error
    except AccountUnknownError as error:
        raise click.ClickException(f"there is no account {error}") from error
    except KeyUnknownError as error:
        raise click.ClickException(f"there is no key {error}") from error
    except StripeUnavailableError as error:
        raise click.ClickException(f"Stripe cannot be reached: {error}") from error
    except StripeRefusedError as error:
        raise click.ClickException(f"Stripe refuses: {error}") from error
    except asyncpg.UndefinedTableError as error:
        raise click.ClickException(f"{error}: run `tollgate migrate`") from error
    except asyncpg.PostgresError as error:
        raise click.ClickException(f"Postgres refuses: {error}") from error


class Tools:
    """What commands work with. Only what a command asks for needs to be configured."""

    def __init__(self, environment: Mapping[str, str], pool: asyncpg.Pool) -> None:
        self._environment = environment
        self.pool = pool
        self._redis: Redis | None = None
        self.accounts = Accounts(pool)
        self.entries = Entries(pool)

    def keys(self) -> ApiKeys:
        """Keys, hashed with TOLLGATE_KEY_SECRET."""
        secret = required(self._environment, "TOLLGATE_KEY_SECRET")
        if len(secret) < SHORTEST_SECRET:
            reason = f"must have at least {SHORTEST_SECRET} characters"
            raise ConfigError("environment", "TOLLGATE_KEY_SECRET", reason)
        return ApiKeys(self.pool, KeyHasher(secret.encode()))

    def pipeline(self) -> Pipeline:
        """The Redis of TOLLGATE_REDIS_URL."""
        if self._redis is None:
            url = required(self._environment, "TOLLGATE_REDIS_URL")
            try:
                self._redis = Redis.from_url(url)
            except ValueError as error:
                raise ConfigError("environment", "TOLLGATE_REDIS_URL", str(error)) from error
        return Pipeline(self._redis, REDIS_TIMEOUT_S)

    def stripe_key(self) -> str:
        """The key of STRIPE_SECRET_KEY."""
        return required(self._environment, "STRIPE_SECRET_KEY")

    def stripe_api_base(self) -> str | None:
        """Where Stripe's API is, if it is not Stripe's own."""
        return stripe_api_base(self._environment)

    def working_copy(self) -> RedisWorkingCopy:
        """The balances in Redis."""
        return RedisWorkingCopy(self.pipeline(), self.pool)

    async def close(self) -> None:
        """Closes the connection to Redis, if there was one. The pool is its owner's to close."""
        if self._redis is not None:
            await self._redis.aclose()


@asynccontextmanager
async def opened_tools() -> AsyncIterator[Tools]:
    """Tools for one command, closed at its end; raises ConfigError and the database's errors."""
    environment = load_environment(os.environ)
    url = required(environment, "TOLLGATE_DATABASE_URL")
    pool = await connect_pool(url, min_size=1, max_size=2)
    tools = Tools(environment, pool)
    try:
        yield tools
    finally:
        await tools.close()
        await pool.close()


async def tell_redis(working_copy: WorkingCopy, account_id: str) -> None:
    """Tells Redis of a committed change, or the user that it will hear of it later."""
    error = await tell(working_copy, account_id)
    if error:
        click.echo(
            f"Warning: this is done, but Redis cannot be told now ({error}); "
            "the writer will tell it.",
            err=True,
        )
