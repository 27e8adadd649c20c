"""What counts as a Postgres that is away."""

import asyncio

import asyncpg
import pytest

from ledger import database
from ledger.database import DatabaseUnavailableError, connect_pool, database_errors


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError("nobody listens"),
        TimeoutError(),
        asyncpg.ConnectionDoesNotExistError("closed in the middle"),
        asyncpg.CannotConnectNowError("starting up"),
        asyncpg.AdminShutdownError("shutting down"),
        asyncpg.InterfaceError("another operation is in progress"),
        asyncpg.InternalClientError("cannot switch to state 15"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_a_lost_connection_says_postgres_is_away(error: Exception) -> None:
    """G10: such a loss is waited out; it never ends the process that meets it."""
    with pytest.raises(DatabaseUnavailableError) as caught, database_errors():
        raise error
    assert caught.value.__cause__ is error
    assert str(caught.value)


def test_a_mistake_of_ours_is_not_taken_for_an_absence() -> None:
    """What would fail again for ever must be seen."""
    with pytest.raises(asyncpg.UndefinedColumnError), database_errors():
        raise asyncpg.UndefinedColumnError("no such column")


async def test_a_server_that_says_nothing_is_not_waited_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """G10: a frozen server is one that is away."""
    monkeypatch.setattr(database, "CONNECT_TIMEOUT_S", 0.05)
    has_ended = asyncio.Event()

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await has_ended.wait()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(DatabaseUnavailableError, match="TimeoutError"):
            await connect_pool(f"postgresql://x@127.0.0.1:{port}/x", min_size=1, max_size=1)
        has_ended.set()
