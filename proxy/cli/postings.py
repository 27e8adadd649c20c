"""`tollgate grant` and `tollgate adjust`: entries that operators post."""

from typing import Literal

import click

from console.shapes import operators_entry_shape
from ledger.entries import PostedEntry, Posting
from ledger.ids import new_id
from pricing.money import credits_text, parse_credits
from proxy.cli.output import json_option, print_json
from proxy.cli.running import explained_errors, opened_tools, run, tell_redis

ACTOR = "cli"

_account = click.argument("account_id")
_credits = click.argument("credit_text", metavar="CREDITS")
_description = click.option("--description", required=True, help="Why; shown in the ledger.")
_idempotency_key = click.option(
    "--idempotency-key", help="Post this once, however often it is tried. Default: a new one."
)


@click.command()
@_account
@_credits
@_description
@_idempotency_key
@json_option
def grant(
    account_id: str,
    credit_text: str,
    description: str,
    idempotency_key: str | None,
    *,
    as_json: bool,
) -> None:
    """Give CREDITS to an account, for example 100 or 12.5."""
    posting = _posting("grant", account_id, credit_text, description, idempotency_key)
    _print(run(_post(posting)), as_json=as_json)


# -5 is an amount, not an option.
@click.command(context_settings={"ignore_unknown_options": True})
@_account
@_credits
@_description
@_idempotency_key
@json_option
def adjust(
    account_id: str,
    credit_text: str,
    description: str,
    idempotency_key: str | None,
    *,
    as_json: bool,
) -> None:
    """Correct an account's balance by CREDITS, for example 12.5 or -12.5."""
    posting = _posting("adjustment", account_id, credit_text, description, idempotency_key)
    _print(run(_post(posting)), as_json=as_json)


def _posting(
    entry_type: Literal["grant", "adjustment"],
    account_id: str,
    credit_text: str,
    description: str,
    idempotency_key: str | None,
) -> Posting:
    with explained_errors():
        amount_mc = parse_credits(credit_text)
    return Posting(
        account_id=account_id,
        entry_type=entry_type,
        amount_mc=amount_mc,
        description=description,
        idempotency_key=idempotency_key or f"cli-{new_id()}",
        actor=ACTOR,
    )


async def _post(posting: Posting) -> PostedEntry:
    async with opened_tools() as tools:
        working_copy = tools.working_copy()
        posted = await tools.entries.post(posting)
        await tell_redis(working_copy, posting.account_id)
        return posted


def _print(posted: PostedEntry, *, as_json: bool) -> None:
    entry = posted.entry
    if as_json:
        print_json(operators_entry_shape(entry))
        return
    done = "Posted" if posted.is_new else "Posted before"
    click.echo(
        f"{done}: {entry.entry_type} of {credits_text(entry.amount_mc)} credits "
        f"to {entry.account_id}, entry {entry.sequence}; "
        f"balance {credits_text(entry.balance_after_mc)}"
    )
