"""Brings a database to the current schema: numbered SQL files, each applied once."""

import re
from importlib.resources import files
from typing import NamedTuple

import asyncpg

from ledger.queries import load_queries

LOCK = 0x746F6C6C
MONTHS_AHEAD = 3

_NAME = re.compile(r"^(?P<number>[0-9]{4})_[a-z0-9_]+\.sql$")
_QUERIES = load_queries("migrations")


class Migration(NamedTuple):
    """One numbered file of `ledger/migrations/`."""

    number: int
    name: str
    text: str


def migrations() -> list[Migration]:
    """All migrations, in the order of their numbers."""
    found = []
    for file in files("ledger").joinpath("migrations").iterdir():
        name = _NAME.match(file.name)
        if name:
            text = file.read_text(encoding="utf-8")
            found.append(Migration(int(name["number"]), file.name, text))
    return sorted(found)


async def migrate(database_url: str) -> list[str]:
    """Applies what is missing, as the owner that `database_url` names; returns the new names."""
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute(_QUERIES["lock"], LOCK)
            await _ensure_application_role(connection)
            return await _apply_missing(connection)
    finally:
        await connection.close()


async def _ensure_application_role(connection: asyncpg.Connection) -> None:
    role = "tollgate_app"
    if not await connection.fetchval(_QUERIES["application_role_exists"], role):
        await connection.execute(_QUERIES["create_application_role"])
        if not await connection.fetchval(_QUERIES["can_act_as_the_application"], role):
            await connection.execute(_QUERIES["let_me_act_as_the_application"])


async def _apply_missing(connection: asyncpg.Connection) -> list[str]:
    await connection.execute(_QUERIES["create_table"])
    await connection.execute(_QUERIES["let_the_application_read"])
    done = {row["number"] for row in await connection.fetch(_QUERIES["applied"])}
    missing = [migration for migration in migrations() if migration.number not in done]
    for migration in missing:
        await connection.execute(migration.text)
        await connection.execute(_QUERIES["remember"], migration.number, migration.name)
    await connection.execute(_QUERIES["ensure_partitions"], MONTHS_AHEAD)
    return [migration.name for migration in missing]
