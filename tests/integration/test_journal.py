"""The journal: double entry, closed by hledger to what the API shows."""

import shutil
import subprocess
from decimal import Decimal

import pytest

from ledger.database import connect_pool
from ledger.exports import Exports
from tests.support.pretend import chat, knobs
from tests.support.stack import Stack

HLEDGER = shutil.which("hledger")


async def make_entries(stack: Stack) -> None:
    """Grants, usage and adjustments of two accounts, with a hostile description."""
    for granted in ("100", "0.007"):
        customer = await stack.customer("50.5")
        await stack.grant(customer, granted)
        await stack.admin(
            "POST",
            f"/accounts/{customer.account_id}/adjustments",
            {
                "credits": "-1.234",
                "description": "Wrong; grant | 12:00  * = 5 CR ; (x)",
                "idempotencyKey": "adjust",
            },
        )
        for tokens in (1, 333):
            response = await stack.post(
                customer, chat(max_tokens=400), knobs(output_tokens=tokens, input_tokens=11)
            )
            assert response.status == 200
    await stack.settled()


async def journal_of(stack: Stack, database_url: str) -> str:
    pool = await connect_pool(database_url, min_size=0, max_size=1)
    try:
        return "".join([piece async for piece in Exports(pool).journal()])
    finally:
        await pool.close()


async def test_g7_every_transactions_postings_sum_to_zero(stack: Stack) -> None:
    """G7: double entry; what customers have is what was given to them less what they used."""
    await make_entries(stack)
    unbalanced = await stack.database.fetch(
        "select transaction_id from postings group by 1 having sum(amount_mc) <> 0 or count(*) <> 2"
    )
    assert unbalanced == []
    for customer in stack.customers:
        owed_mc = await stack.database.fetchval(
            "select -sum(amount_mc)::bigint from postings where ledger_account = $1",
            f"liabilities:credits:{customer.account_id}",
        )
        assert owed_mc == await stack.balance_mc(customer)


@pytest.mark.skipif(HLEDGER is None, reason="hledger is not installed here; CI installs it")
async def test_g7_hledger_closes_the_journal_to_the_api(stack: Stack, database_url: str) -> None:
    """G7: `hledger check` passes, with the balance that each transaction asserts."""
    await make_entries(stack)
    journal = await journal_of(stack, database_url)
    hledger(journal, "check")
    for customer in stack.customers:
        shown = hledger(
            journal, "balance", f"liabilities:credits:{customer.account_id}", "-O", "csv", "-N"
        )
        owed = Decimal(shown.rsplit('"', 2)[1].removesuffix(" CR"))
        assert owed * 1000 == -await stack.balance_mc(customer)


@pytest.mark.skipif(HLEDGER is None, reason="hledger is not installed here; CI installs it")
async def test_a_changed_amount_fails_the_check(stack: Stack, database_url: str) -> None:
    """G7: the assertions have teeth."""
    await make_entries(stack)
    journal = await journal_of(stack, database_url)
    damaged = journal.replace("1.234", "1.235")
    assert damaged != journal
    with pytest.raises(subprocess.CalledProcessError):
        hledger(damaged, "check", "assertions")


def hledger(journal: str, *arguments: str) -> str:
    return subprocess.run(
        [str(HLEDGER), "-f-", *arguments], input=journal, text=True, check=True, capture_output=True
    ).stdout
