"""`tollgate migrate`: brings the database to the current schema."""

import os

import click

from ledger import migrate as migrations
from ledger.database import database_errors
from proxy.cli.environment import load_environment, required
from proxy.cli.running import run


@click.command()
def migrate() -> None:
    """Bring the database to the current schema. Harmless to repeat.

    Needs the owner's URL: TOLLGATE_MIGRATION_DATABASE_URL, else TOLLGATE_DATABASE_URL.
    """
    applied = run(_migrate())
    for name in applied:
        click.echo(f"Applied {name}")
    if not applied:
        click.echo("Nothing to do: the database is current.")


async def _migrate() -> list[str]:
    environment = load_environment(os.environ)
    url = environment.get("TOLLGATE_MIGRATION_DATABASE_URL")
    with database_errors():
        return await migrations.migrate(url or required(environment, "TOLLGATE_DATABASE_URL"))
