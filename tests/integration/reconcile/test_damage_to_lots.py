"""G9: whatever is damaged of credits that expire, `reconcile` names the account and the check."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tests.support.audit import Audit

TOMORROW = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture(autouse=True)
async def _lots(audit: Audit) -> None:
    """One that has expired in part, and one that has not."""
    books, account_id = audit.books, audit.customer.account_id
    for amount_mc, days in ((500, 1), (700, 2)):
        expires_at = TOMORROW + timedelta(days=days)
        await books.post(account_id, amount_mc, tell=True, expires_at=expires_at)
    await audit.call(40)
    await books.expirer.expire(TOMORROW + timedelta(days=1))
    assert (await audit.reconcile()).is_ok
    await books.write(audit.customer)


async def test_credits_that_expire_are_no_differences(audit: Audit) -> None:
    """G9: taken in Redis, written, and used by calls."""
    assert (await audit.reconcile()).differences == ()
    await audit.call(60)
    assert (await audit.reconcile()).differences == ()


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "delete from credit_lots where account_id = $1 and remaining_mc > 0",
            {("lots", "amount of the entry's lot")},
        ),
        (
            "update credit_lots set amount_mc = amount_mc + 1 where account_id = $1",
            {("lots", "amount of the entry's lot")},
        ),
        (
            "update credit_lots set expires_at = now() where account_id = $1",
            {("lots", "expiry of the entry's lot")},
        ),
        (
            "update credit_lots set amount_mc = 99999, remaining_mc = 99999 where account_id = $1",
            {("lots", "amount of the entry's lot"), ("lots", "what is left to expire")},
        ),
        (
            "update expiries set posted_mc = posted_mc - 1 where account_id = $1",
            {("lots", "amount of the expiry's entry")},
        ),
        (
            "delete from expiries where account_id = $1",
            {("lots", "amount of the expiry's entry")},
        ),
        (
            (
                "update ledger_entries set ref = 'another'"
                " where account_id = $1 and entry_type = 'expiry'"
            ),
            {("lots", "lot that the expiry's entry names")},
        ),
    ],
)
async def test_damage_to_a_lot_is_named(
    audit: Audit, statement: str, expected: set[tuple[str, str]]
) -> None:
    """G9: a lot is what its entry says, an expiry what its entry took."""
    await audit.damage(statement, UUID(audit.customer.account_id))
    assert audit.named(await audit.reconcile()) == expected
