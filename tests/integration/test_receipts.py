"""Receipts on the ledger's rows: what Stripe names later is shown on a row that never changes."""

from ledger.chart import PROMOTION, STRIPE
from ledger.database import acquired
from ledger.entries import Entry
from ledger.ids import new_id
from ledger.pages import Window
from ledger.reports import EntryFilter
from tests.support.people import Desk, grant_of

RECEIPT = "https://pay.example.com/receipts/1"


async def bought(desk: Desk, account_id: str, intent_id: str | None) -> str:
    """A paid purchase of an account with its two entries; returns its id."""
    purchase_id = new_id()
    async with acquired(desk.pool) as connection:
        await connection.execute(
            """
            insert into purchases (
                id, account_id, kind, package_id, label, price_cents, base_mc, bonus_mc,
                is_price_exact, status,
                payment_intent_id
            )
            values ($1, $2, 'checkout', 'starter', 'Starter', 999, 9990000, 0, true, 'paid', $3)
            """,
            *(purchase_id, account_id, intent_id),
        )
    for entry_type, counter in (("purchase", STRIPE), ("bonus", PROMOTION)):
        values = {"entry_type": entry_type, "counter_account": counter, "ref": purchase_id}
        await desk.entries.post(grant_of(account_id, 9_990_000, **values))
    return purchase_id


async def charge(desk: Desk, intent_id: str, receipt_url: str | None) -> None:
    """What Stripe says of a charge."""
    async with acquired(desk.pool) as connection:
        await connection.execute(
            "insert into payment_charges (charge_id, payment_intent_id, receipt_url)"
            " values ($1, $2, $3)",
            *(f"ch_{new_id()}", intent_id, receipt_url),
        )


async def entries(desk: Desk, account_id: str | None) -> list[Entry]:
    """The newest rows of an account's ledger, or of all."""
    window = Window(limit=10)
    return list((await desk.reports.entries(EntryFilter(account_id=account_id), window)).rows)


async def test_a_receipt_that_comes_later_is_on_the_purchases_row(desk: Desk) -> None:
    """Receipts: on the purchase and nothing else, for its account and for operators."""
    account = await desk.account_with(1_000)
    intent_id = f"pi_{new_id()}"
    await bought(desk, account.account_id, intent_id)
    assert [one.receipt_url for one in await entries(desk, account.account_id)] == [None] * 3
    await charge(desk, intent_id, None)  # one that was declined
    await charge(desk, intent_id, RECEIPT)
    for whose in (account.account_id, None):
        shown = await entries(desk, whose)
        assert [(one.entry_type, one.receipt_url) for one in shown[:3]] == [
            ("bonus", None),
            ("purchase", RECEIPT),
            ("grant", None),
        ]


async def test_a_receipt_is_of_its_own_purchase(desk: Desk) -> None:
    """Another account's purchase, or a reference that is no id of ours, brings none."""
    ada, bob = await desk.account_with(0), await desk.account_with(0)
    intent_id = f"pi_{new_id()}"
    purchase_id = await bought(desk, ada.account_id, intent_id)
    await charge(desk, intent_id, RECEIPT)
    for ref in (purchase_id, "an invoice of 2024", None):
        values = {"entry_type": "purchase", "counter_account": STRIPE, "ref": ref}
        await desk.entries.post(grant_of(bob.account_id, 5_000, **values))
    assert [one.receipt_url for one in await entries(desk, bob.account_id)] == [None] * 3
