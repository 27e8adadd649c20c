"""`tollgate keys`: create, list, revoke."""

import click

from console.shapes import key_shape
from ledger.api_keys import ApiKey, CreatedKey
from proxy.cli.output import json_option, print_fields, print_json, print_table, second
from proxy.cli.running import opened_tools, run, tell_redis


@click.group()
def keys() -> None:
    """Create, list and revoke API keys."""


@keys.command()
@click.argument("account_id")
@click.option("--name", default="default", show_default=True, help="What the key is for.")
@json_option
def create(account_id: str, name: str, *, as_json: bool) -> None:
    """Create a key for an account. The key is shown once, here."""

    async def work() -> CreatedKey:
        async with opened_tools() as tools:
            working_copy = tools.working_copy()
            created = await tools.keys().create(account_id, name)
            await tell_redis(working_copy, account_id)
            return created

    created = run(work())
    if as_json:
        print_json({**key_shape(created.api_key), "key": created.text})
        return
    print_fields(
        {
            "Key": created.text,
            "Key id": created.api_key.key_id,
            "Name": created.api_key.name,
        }
    )
    click.echo("Keep the key now: it is stored nowhere and cannot be shown again.")


@keys.command("list")
@click.argument("account_id")
@json_option
def list_keys(account_id: str, *, as_json: bool) -> None:
    """List the keys of an account, newest first, by their beginnings."""

    async def work() -> list[ApiKey]:
        async with opened_tools() as tools:
            return await tools.keys().of_account(account_id)

    found = run(work())
    if as_json:
        print_json({"data": [key_shape(key) for key in found], "nextCursor": None})
        return
    print_table(
        ("KEY ID", "BEGINS WITH", "CREATED", "REVOKED", "NAME"),
        [
            (key.key_id, key.prefix, second(key.created_at), second(key.revoked_at), key.name)
            for key in found
        ],
    )


@keys.command()
@click.argument("key_id")
@json_option
def revoke(key_id: str, *, as_json: bool) -> None:
    """Revoke a key: it stops at once, everywhere, for ever."""

    async def work() -> ApiKey:
        async with opened_tools() as tools:
            working_copy = tools.working_copy()
            revoked = await tools.keys().revoke(key_id)
            await tell_redis(working_copy, revoked.account_id)
            return revoked

    revoked = run(work())
    if as_json:
        print_json(key_shape(revoked))
    else:
        click.echo(f"Revoked {revoked.prefix}… ({revoked.key_id}) at {second(revoked.revoked_at)}")
