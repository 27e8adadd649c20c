"""What can be asked of a running local PostgreSQL by whoever can reach its socket."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

import asyncpg

PORT = 5432  # never listened on: it is a part of the socket's name
SUPERUSER = "postgres"
OWNER = "tollgate_owner"
APPLICATION = "tollgate_app"
DATABASE = "tollgate"

_ROLES = files("deploy.local").joinpath("sql", "roles.sql").read_text(encoding="utf-8")
_DATABASE_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")

Work = Callable[[asyncpg.Connection], Coroutine[None, None, None]]


class PostgresServer:
    """A PostgreSQL that listens in `socket_folder` and trusts everybody who can enter there.

    All methods are synchronous, and may be called where an event loop runs.
    """

    def __init__(self, socket_folder: Path) -> None:
        self.socket_folder = socket_folder

    def url(self, database: str = DATABASE, user: str = APPLICATION) -> str:
        """Return the URL of a database, as asyncpg takes it."""
        return f"postgresql://{user}@/{database}?host={quote(str(self.socket_folder))}&port={PORT}"

    def set_up(self) -> None:
        """Make the roles and the database `tollgate` that are missing."""
        self._do(_make_roles_and_database)

    def create_database(self, name: str) -> None:
        """Make an empty database of the owner's; `name` is a plain lower-case identifier."""
        _require_plain(name)
        self._do(lambda connection: _create_database(connection, name))

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        _require_plain(name)
        self._do(lambda connection: _drop_database(connection, name))

    def _do(self, work: Work) -> None:
        with ThreadPoolExecutor(1) as apart:  # our thread may have an event loop that runs
            apart.submit(asyncio.run, self._as_superuser(work)).result()

    async def _as_superuser(self, work: Work) -> None:
        connection = await asyncpg.connect(self.url("postgres", SUPERUSER))
        try:
            await work(connection)
        finally:
            await connection.close()


async def _make_roles_and_database(connection: asyncpg.Connection) -> None:
    await connection.execute(_ROLES)
    known = await connection.fetch("select datname from pg_database")
    if DATABASE not in {row["datname"] for row in known}:
        await _create_database(connection, DATABASE)


async def _create_database(connection: asyncpg.Connection, name: str) -> None:
    await connection.execute(f"create database {name} owner {OWNER}")


async def _drop_database(connection: asyncpg.Connection, name: str) -> None:
    await connection.execute(f"drop database {name} with (force)")


def _require_plain(name: str) -> None:
    """Names of databases cannot be passed as parameters: let no other text in."""
    if not _DATABASE_NAME.fullmatch(name):
        raise ValueError(f"not a plain database name: {name!r}")
