"""`tollgate grant`, `tollgate adjust` and `tollgate refund`: entries that operators post."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import click

from console.shapes import operators_entry_shape
from ledger.entries import PostedEntry
from ledger.ids import new_id
from ledger.posting import Posting
from pricing.money import credits_text, parse_credits
from proxy.cli.moments import Moment
from proxy.cli.output import json_option, print_json, second
from proxy.cli.running import explained_errors, opened_tools, run, tell_redis

Command = TypeVar("Command", bound=Callable[..., object])

ACTOR = "cli"


_corrects = click.option(
    "--corrects", metavar="ENTRY", help="The id of the entry that this one corrects."
)


def _posting_options(command: Command) -> Command:
    """What every posting says."""
    for option in (
        json_option,
        click.option(
            "--idempotency-key",
            help="Post this once, however often it is tried. Default: a new one.",
        ),
        click.option("--description", required=True, help="Why; shown in the ledger."),
        click.argument("credit_text", metavar="CREDITS"),
        click.argument("account_id"),
    ):
        command = option(command)
    return command


@click.command()
@_posting_options
@click.option(
    "--expires-at",
    type=Moment(),
    help="When what is unused of it leaves again, like 2027-01-31T12:00:00Z. Default: never.",
)
def grant(
    account_id: str,
    credit_text: str,
    description: str,
    idempotency_key: str | None,
    expires_at: datetime | None,
    *,
    as_json: bool,
) -> None:
    """Give CREDITS to an account, for example 100 or 12.5.

    Credits that expire are used before others, the soonest to expire first.
    """
    posting = Posting(
        account_id=account_id,
        entry_type="grant",
        amount_mc=_amount_mc(credit_text),
        description=description,
        idempotency_key=_key(idempotency_key),
        actor=ACTOR,
        expires_at=expires_at,
    )
    _print(run(_post(posting)), as_json=as_json)


# -5 is an amount, not an option.
@click.command(context_settings={"ignore_unknown_options": True})
@_posting_options
@_corrects
def adjust(
    account_id: str,
    credit_text: str,
    description: str,
    idempotency_key: str | None,
    corrects: str | None,
    *,
    as_json: bool,
) -> None:
    """Correct an account's balance by CREDITS, for example 12.5 or -12.5.

    With --corrects it is booked against the same account as the entry that it corrects, and all
    corrections of one entry together cannot exceed it.
    """
    posting = Posting(
        account_id=account_id,
        entry_type="adjustment",
        amount_mc=_amount_mc(credit_text),
        description=description,
        idempotency_key=_key(idempotency_key),
        actor=ACTOR,
        corrects=corrects,
    )
    _print(run(_post(posting)), as_json=as_json)


@click.command()
@_posting_options
@_corrects
def refund(
    account_id: str,
    credit_text: str,
    description: str,
    idempotency_key: str | None,
    corrects: str | None,
    *,
    as_json: bool,
) -> None:
    """Take CREDITS back whose price was paid back to the customer, for example 100.

    For money that was paid back outside of Stripe. With --corrects, the id of a purchase, it is
    booked against the account that the purchase was paid into. The balance may become negative:
    calls are then refused until credits are added.
    """
    taken_mc = _amount_mc(credit_text)
    if taken_mc <= 0:
        raise click.BadParameter("must be more than zero", param_hint="CREDITS")
    posting = Posting(
        account_id=account_id,
        entry_type="refund",
        amount_mc=-taken_mc,
        description=description,
        idempotency_key=_key(idempotency_key),
        actor=ACTOR,
        corrects=corrects,
    )
    _print(run(_post(posting)), as_json=as_json)


def _amount_mc(credit_text: str) -> int:
    with explained_errors():
        return parse_credits(credit_text)


def _key(given: str | None) -> str:
    return f"cli-{new_id()}" if given is None else given


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
    expires = f"; expires {second(entry.expires_at)}" if entry.expires_at else ""
    click.echo(
        f"{done}: {entry.entry_type} of {credits_text(entry.amount_mc)} credits "
        f"to {entry.account_id}, entry {entry.sequence} ({entry.entry_id}); "
        f"balance {credits_text(entry.balance_after_mc)}{expires}"
    )
