"""What counts as a Postgres that is away."""

import asyncpg
import pytest

from ledger.database import DatabaseUnavailableError, database_errors


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
