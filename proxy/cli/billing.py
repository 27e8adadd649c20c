"""`tollgate billing sync` and `tollgate purchases`: what was paid, and what came of it."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime

import click

from billing.purchases import Purchase, Purchases
from billing.sync import BillingSync, SyncReport
from config.settings import config_folder, load_settings
from console.json import Json, amount, listing, timestamp
from console.purchases_api import purchase_shape
from ledger.accounts import Accounts
from ledger.pages import BadCursorError, Page, Window, decode_cursor, encode_cursor
from pricing.money import credits_text
from pricing.packages import CENTS_PER_USD
from proxy.cli.moments import Moment
from proxy.cli.output import json_option, print_json, print_table, second
from proxy.cli.running import opened_tools, run
from proxy.logs import quiet_logs
from proxy.payments import disputes_of, open_stripe, takings_of

EARLIEST_SYNC = datetime(2000, 1, 1, tzinfo=UTC)


@click.group()
def billing() -> None:
    """Payments: ask Stripe for what it may not have told."""


@billing.command()
@click.option(
    "--since",
    type=Moment(),
    help="Look at what began at Stripe then or later: a date or time, in UTC unless it names a "
    "zone. Default: since the last sync, with an hour of overlap; the first time, seven days.",
)
@json_option
def sync(since: datetime | None, *, as_json: bool) -> None:
    """Credit what was paid and never told.

    Asks Stripe for sessions, payments, refunds, disputes and saved cards, and for each purchase
    that is under way. What is known already changes nothing, so it can be run at any time, and by
    several. The writer does the same every few minutes. Needs STRIPE_SECRET_KEY, as
    `tollgate serve` does.
    """
    if since is not None and not EARLIEST_SYNC < since <= datetime.now(UTC):
        raise click.BadParameter("must lie between 2000 and now", param_hint="--since")
    with quiet_logs():
        report = run(_sync(since))
    if as_json:
        print_json(sync_shape(report))
        return
    click.echo(
        f"Since {second(report.since)}: {report.sessions} sessions, {report.payments} payments, "
        f"{report.refunds} refunds, {report.disputes} disputes, {report.cards} saved cards"
    )
    if report.changed:
        _print_purchases(report.changed)
        click.echo(f"Balances changed by {credits_text(report.credited_mc)} credits in all.")
    else:
        click.echo("Nothing was missing.")


@click.command()
@click.argument("account_id")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    help="How many at most.",
)
@click.option("--cursor", help="Where the list goes on: printed at the end of a full page.")
@json_option
def purchases(account_id: str, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List what an account has bought, newest first, with payments and receipts."""
    try:
        below = None if cursor is None else decode_cursor(cursor)
    except BadCursorError as error:
        raise click.BadParameter("is no cursor of this list", param_hint="--cursor") from error

    async def work() -> Page[Purchase]:
        async with opened_tools() as tools:
            account = await Accounts(tools.pool).get(account_id)
            window = Window(limit=limit, below=below)
            return await Purchases(tools.pool).page(account.account_id, window)

    page = run(work())
    if as_json:
        print_json(listing(page, purchase_shape))
        return
    _print_purchases(page.rows)
    if page.next_position:
        click.echo(f"There are more: --cursor {encode_cursor(page.next_position)}")


def sync_shape(report: SyncReport) -> Json:
    """What a sync has found, as JSON."""
    return {
        "since": timestamp(report.since),
        "sessions": report.sessions,
        "payments": report.payments,
        "refunds": report.refunds,
        "disputes": report.disputes,
        "cards": report.cards,
        **amount("credited", report.credited_mc),
        "changed": [{"accountId": one.account_id, **purchase_shape(one)} for one in report.changed],
    }


async def _sync(since: datetime | None) -> SyncReport:
    settings = load_settings(config_folder(os.environ), os.environ)
    async with (
        opened_tools() as tools,
        open_stripe(tools.stripe_key(), tools.stripe_api_base()) as stripe,
    ):
        syncing = BillingSync(
            *(tools.pool, stripe, takings_of(settings), disputes_of(settings)),
            tools.working_copy(),
        )
        return await syncing.run(since)


def _print_purchases(rows: Sequence[Purchase]) -> None:
    print_table(
        ("PURCHASE", "CREATED", "ACCOUNT", "PACKAGE", "STATUS", "PAID", "CREDITED", "TAKEN BACK"),
        [
            (
                one.purchase_id,
                second(one.created_at),
                one.account_id,
                one.label,
                one.status,
                "-" if one.charged_cents is None else _dollars(one.charged_cents),
                credits_text(one.credited_mc),
                credits_text(
                    one.posted_base_refund_mc + one.posted_bonus_refund_mc + one.posted_dispute_mc
                ),
            )
            for one in rows
        ],
    )


def _dollars(cents: int) -> str:
    return f"${cents // CENTS_PER_USD:,}.{cents % CENTS_PER_USD:02d}"
