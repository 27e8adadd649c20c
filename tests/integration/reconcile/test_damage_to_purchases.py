"""G9: whatever is damaged of what payments have brought, `reconcile` names it."""

from uuid import UUID

import pytest

from billing.crediting import Crediting
from billing.disputes import Disputes
from billing.payments import note_refund
from billing.purchase_store import NewPurchase, be_paid, insert_purchase, name_payment
from billing.stripe_objects import Refund
from config.packages import load_packages
from config.settings import DEFAULT_FOLDER
from ledger.database import transaction
from ledger.ids import new_id
from ledger.working_copy import tell
from tests.support.audit import Audit


@pytest.fixture(autouse=True)
async def _bought(audit: Audit) -> None:
    """A package with a bonus, paid, and half of it paid back."""
    account_id = audit.customer.account_id
    package = load_packages(DEFAULT_FOLDER)["professional"]
    wanted = NewPurchase(
        account_id=account_id, kind="checkout", package=package, credits_per_usd=1000
    )
    crediting = Crediting(expire_after_days=0, disputes=Disputes(refuse_calls=False))
    intent_id = f"pi_{new_id()}"
    async with transaction(audit.books.pool) as connection:
        purchase = await insert_purchase(connection, wanted)
        await name_payment(connection, purchase, intent_id)
        await be_paid(connection, purchase, paid_cents=4999, charged_cents=4999)
        refund = Refund(id=f"re_{new_id()}", amount=2500, status="succeeded")
        await note_refund(connection, intent_id, refund)
        await crediting.settle(connection, purchase)
    assert await tell(audit.books.working_copy, account_id) is None


async def test_a_purchase_with_its_entries_is_no_difference(audit: Audit) -> None:
    """G9: price, bonus and refund are as they were posted."""
    assert (await audit.reconcile()).differences == ()


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "update purchases set posted_base_mc = posted_base_mc + 1 where account_id = $1",
            {"credits of the purchase's price"},
        ),
        (
            "update purchases set posted_bonus_mc = 0 where account_id = $1",
            {"bonus of the purchase"},
        ),
        (
            "update purchases set posted_base_refund_mc = 0 where account_id = $1",
            {"taken back of the purchase by refunds"},
        ),
        (
            "update purchases set posted_dispute_mc = 5 where account_id = $1",
            {"taken of the purchase by disputes"},
        ),
        ("delete from purchases where account_id = $1", {"purchase of the payment's entries"}),
        (
            ("update purchases set posted_base_mc = 0, posted_bonus_mc = 0 where account_id = $1"),
            {
                "credits of a paid purchase",
                "credits of the purchase's price",
                "bonus of the purchase",
            },
        ),
        (
            (
                "update ledger_entries set ref = 'another'"
                " where account_id = $1 and entry_type = 'bonus'"
            ),
            {"bonus of the purchase", "purchase of the payment's entries"},
        ),
    ],
)
async def test_damage_to_a_purchase_is_named(
    audit: Audit, statement: str, expected: set[str]
) -> None:
    """G9: what was posted of a purchase is what its entries say."""
    await audit.damage(statement, UUID(audit.customer.account_id))
    found = audit.named(await audit.reconcile())
    assert found == {("purchases", what) for what in expected}
