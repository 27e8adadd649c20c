"""`tollgate keys`: create, list, limit, revoke."""

import click

from console.shapes import key_shape
from ledger.api_keys import ApiKey, CreatedKey
from pricing.money import credits_text, parse_credits
from proxy.cli.output import json_option, print_fields, print_json, print_table, second
from proxy.cli.running import explained_errors, opened_tools, run, tell_redis

NONE = "none"


@click.group()
def keys() -> None:
    """Create, list, limit and revoke API keys."""


@keys.command()
@click.argument("account_id")
@click.option("--name", default="default", show_default=True, help="What the key is for.")
@click.option(
    "--monthly-limit",
    "limit_text",
    default=NONE,
    metavar="CREDITS",
    help="What it may spend in a month (UTC), for example 100.",
)
@json_option
def create(account_id: str, name: str, limit_text: str, *, as_json: bool) -> None:
    """Create a key for an account. The key is shown once, here."""
    limit_mc = _limit_mc(limit_text)

    async def work() -> CreatedKey:
        async with opened_tools() as tools:
            working_copy = tools.working_copy()
            created = await tools.keys().create(account_id, name, monthly_limit_mc=limit_mc)
            await tell_redis(working_copy, account_id)
            return created

    created = run(work())
    if as_json:
        print_json({**key_shape(created.api_key), "key": created.text})
        return
    fields = {
        "Key": created.text,
        "Key id": created.api_key.key_id,
        "Name": created.api_key.name,
    }
    if limit_mc is not None:
        fields["Monthly limit"] = credits_text(limit_mc)
    print_fields(fields)
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
        (
            *("KEY ID", "BEGINS WITH", "CREATED", "REVOKED", "LAST USED", "SPENT THIS MONTH"),
            *("MONTHLY LIMIT", "NAME"),
        ),
        [_row(key) for key in found],
    )


@keys.command()
@click.argument("key_id")
@click.argument("limit_text", metavar="CREDITS")
@json_option
def limit(key_id: str, limit_text: str, *, as_json: bool) -> None:
    """Let a key spend at most CREDITS in a month (UTC), for example 100; `none` lifts its limit.

    Holds for the next call, on every worker. What the key has spent in this month counts.
    """
    limit_mc = _limit_mc(limit_text)

    async def work() -> ApiKey:
        async with opened_tools() as tools:
            working_copy = tools.working_copy()
            limited = await tools.keys().set_monthly_limit(key_id, limit_mc)
            await tell_redis(working_copy, limited.account_id)
            return limited

    limited = run(work())
    if as_json:
        print_json(key_shape(limited))
    else:
        click.echo(
            f"Limit of {limited.prefix}… ({limited.key_id}): {_shown(limited.monthly_limit_mc)}; "
            f"spent this month: {credits_text(limited.spent_this_month_mc)}"
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


def _limit_mc(text: str) -> int | None:
    if text == NONE:
        return None
    with explained_errors():
        return parse_credits(text)


def _shown(limit_mc: int | None) -> str:
    return NONE if limit_mc is None else credits_text(limit_mc)


def _row(key: ApiKey) -> tuple[str, ...]:
    return (
        *(key.key_id, key.prefix, second(key.created_at), second(key.revoked_at)),
        *(second(key.last_used_at), credits_text(key.spent_this_month_mc)),
        *(_shown(key.monthly_limit_mc), key.name),
    )
