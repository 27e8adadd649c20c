"""Connections to Postgres: a pool that acts as the application's role, and what its loss means."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

APPLICATION_ROLE = "tollgate_app"
COMMAND_TIMEOUT_S = 15
ACQUIRE_TIMEOUT_S = 5
CONNECT_TIMEOUT_S = 10

Connection: TypeAlias = asyncpg.Connection | PoolConnectionProxy

# OSError is what no server and a timeout look like. InterfaceError is what a transaction says
# whose connection was lost before, InternalClientError one whose connection was lost in a COPY.
_UNAVAILABLE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)

_REFUSED = (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError)


class DatabaseUnavailableError(Exception):
    """Postgres cannot be reached, or did not answer in time. What was asked may have been done."""


class DatabaseNotReadyError(Exception):
    """Postgres is there, and lacks what Tollgate needs: says what to do."""


async def connect_pool(
    url: str, *, min_size: int, max_size: int, command_timeout_s: float = COMMAND_TIMEOUT_S
) -> asyncpg.Pool:
    """A pool whose connections act as `tollgate_app`, whoever logs in; the caller closes it.

    With a `min_size` of 0 nothing is connected yet. jsonb is read and written as text.

    Raises:
        DatabaseUnavailableError: there is no such server or database, or it lets nobody in.
        DatabaseNotReadyError: `tollgate_app` is missing, or is not for this login.
    """
    try:
        with database_errors():
            return await asyncpg.create_pool(
                url,
                min_size=min_size,
                max_size=max_size,
                timeout=CONNECT_TIMEOUT_S,
                command_timeout=command_timeout_s,
                init=_act_as_application,
            )
    except _REFUSED as error:
        raise DatabaseUnavailableError(str(error)) from error


@asynccontextmanager
async def acquired(pool: asyncpg.Pool) -> AsyncIterator[Connection]:
    """A connection for statements that each stand alone.

    Raises:
        DatabaseUnavailableError: there was none within five seconds, or it was lost in the middle.
    """
    with database_errors():
        async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            yield connection


@asynccontextmanager
async def transaction(pool: asyncpg.Pool) -> AsyncIterator[Connection]:
    """A connection with an open transaction: committed at the end, rolled back by an exception.

    Raises:
        DatabaseUnavailableError: as for `acquired`; a commit may have happened all the same.
    """
    async with acquired(pool) as connection, connection.transaction():
        yield connection


async def the_row(connection: Connection, query: str, *arguments: object) -> asyncpg.Record:
    """The row of a statement that always has one, like an insert with `returning`."""
    row = await connection.fetchrow(query, *arguments)
    if row is None:
        raise LookupError("a statement that always has a row had none")
    return row


@contextmanager
def database_errors() -> Iterator[None]:
    """Turns every way in which Postgres can be away into `DatabaseUnavailableError`."""
    try:
        yield
    except _UNAVAILABLE as error:
        raise DatabaseUnavailableError(str(error) or type(error).__name__) from error


async def _act_as_application(connection: asyncpg.Connection) -> None:
    # The pool's reset between uses leaves the role as it is.
    try:
        await connection.execute(f"set role {APPLICATION_ROLE}")
    except asyncpg.InvalidParameterValueError as error:
        raise DatabaseNotReadyError(f"{error}: run `tollgate migrate`") from error
    except asyncpg.InsufficientPrivilegeError as error:
        reason = f"{error}: log in as {APPLICATION_ROLE}, or as one of its members"
        raise DatabaseNotReadyError(reason) from error
