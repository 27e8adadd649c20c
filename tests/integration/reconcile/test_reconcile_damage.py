"""G6, G9: whatever entry or balance is damaged by hand, `reconcile` names it, and nothing else."""

from datetime import timedelta
from uuid import UUID

import pytest

from ledger.reconciliation.difference import Scope
from tests.support.audit import Audit, only

USAGE_ROW = "account_id = $1 and kind = 'settled' and charge_mc = 150"


async def test_clean_books_name_nothing(audit: Audit) -> None:
    """G9: charges, releases, orphans, corrections and grants are no differences."""
    report = await audit.reconcile()
    assert report.differences == ()
    assert report.is_ok
    assert set(report.counts) == {
        "redis",
        "rejected",
        "chain",
        "usage",
        "days",
        "charges",
        "lots",
        "purchases",
    }
    assert (report.size.accounts, report.size.entries, report.size.usage_rows) == (2, 16, 14)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "update ledger_entries set amount_mc = amount_mc + 1 where id = $1",
            {
                ("chain", "amount"),
                ("chain", "balance of the account as the sum of its entries"),
                ("usage", "amount of the usage's entry"),
                ("usage", "usage of the period"),
            },
        ),
        (
            (
                "update ledger_entries set amount_mc = amount_mc + 1,"
                " balance_after_mc = balance_after_mc + 1 where id = $1"
            ),
            {
                ("chain", "balance before"),
                ("chain", "balance of the account as the sum of its entries"),
                ("usage", "amount of the usage's entry"),
                ("usage", "usage of the period"),
            },
        ),
        (
            (
                "update ledger_entries set balance_before_mc = balance_before_mc + 1,"
                " balance_after_mc = balance_after_mc + 1 where id = $1"
            ),
            {("chain", "balance before")},
        ),
        (
            "update ledger_entries set posted_at = posted_at - interval '1 hour' where id = $1",
            {
                ("chain", "time of posting"),
                ("usage", "amount without its usage row"),
                ("usage", "amount of the usage's entry"),
            },
        ),
        (
            "update ledger_entries set ref = 'another' where id = $1",
            {("usage", "request that the entry names")},
        ),
        (
            "update ledger_entries set entry_type = 'adjustment', actor = 'me' where id = $1",
            {("usage", "amount of the usage's entry"), ("usage", "usage of the period")},
        ),
        (
            "delete from ledger_entries where id = $1",
            {
                ("chain", "sequence"),
                ("chain", "balance of the account as the sum of its entries"),
                ("usage", "amount of the usage's entry"),
                ("usage", "usage of the period"),
            },
        ),
    ],
)
async def test_damage_to_an_entry_is_named(
    audit: Audit, statement: str, expected: set[tuple[str, str]]
) -> None:
    """G6, G9: an entry in the middle of the chain, of a call."""
    middle = (await audit.entry_ids())[2]
    await audit.superuser.execute(
        "alter table ledger_entries drop constraint if exists ledger_entries_add_up"
    )
    await audit.damage(statement, middle)
    assert audit.named(await audit.reconcile()) == expected


async def test_a_deleted_last_entry_is_named(audit: Audit) -> None:
    """G6, G9: the chain ends too early, before what the account says."""
    last = (await audit.entry_ids())[-1]
    await audit.damage("delete from ledger_entries where id = $1", last)
    report = await audit.reconcile()
    assert audit.named(report) == {
        ("chain", "last entry of the account"),
        ("chain", "balance of the account after its last entry"),
        ("chain", "balance of the account as the sum of its entries"),
    }
    found = only(report, "chain", "last entry of the account")
    assert (found.expected, found.actual) == ("entry 8", "entry 7")


async def test_a_deleted_first_entry_is_named(audit: Audit) -> None:
    """G6, G9: a chain begins with 1."""
    first = (await audit.entry_ids())[0]
    await audit.damage("delete from ledger_entries where id = $1", first)
    assert ("chain", "sequence") in audit.named(await audit.reconcile())


@pytest.mark.parametrize("columns", ["sequence", "amount_mc"])
async def test_two_swapped_entries_are_named(audit: Audit, columns: str) -> None:
    """G6, G9: their order, or what they moved."""
    second, third = (await audit.entry_ids())[1:3]
    await audit.superuser.execute("drop index if exists ledger_entries_sequence")
    await audit.superuser.execute(
        "alter table ledger_entries drop constraint if exists ledger_entries_add_up"
    )
    await audit.damage(
        f"update ledger_entries set {columns} = other.{columns} from ledger_entries as other"
        " where ledger_entries.id = any($1::uuid[]) and other.id = any($1::uuid[])"
        " and other.id <> ledger_entries.id",
        [second, third],
    )
    named = audit.named(await audit.reconcile())
    assert {check for check, _ in named} & {"chain"}


async def test_two_swapped_entries_with_a_mended_chain_are_named(audit: Audit) -> None:
    """G9: where whoever did it has put the balances right, usage still tells."""
    second, third = (await audit.entry_ids())[1:3]
    await audit.damage(
        "update ledger_entries set amount_mc = -150, balance_after_mc = balance_before_mc - 150"
        " where id = $1",
        second,
    )
    await audit.damage(
        "update ledger_entries set amount_mc = -100, balance_before_mc = balance_before_mc - 50"
        " where id = $1",
        third,
    )
    assert audit.named(await audit.reconcile()) == {("usage", "amount of the usage's entry")}


async def test_a_changed_balance_is_named(audit: Audit) -> None:
    """G9: against the last entry, the sum, and Redis."""
    await audit.damage(
        "update accounts set balance_mc = balance_mc + 7 where id = $1",
        UUID(audit.customer.account_id),
    )
    report = await audit.reconcile()
    assert audit.named(report) == {
        ("chain", "balance of the account after its last entry"),
        ("chain", "balance of the account as the sum of its entries"),
        ("redis", "available in Redis"),
    }
    found = only(report, "chain", "balance of the account after its last entry")
    assert int(found.actual) == int(found.expected) + 7


async def test_entries_and_usage_of_an_account_that_is_gone_are_named(audit: Audit) -> None:
    """G9: an account cannot go while the ledger has it."""
    await audit.damage("delete from accounts where id = $1", UUID(audit.customer.account_id))
    assert audit.named(await audit.reconcile()) == {("chain", "account of entries")}


async def test_a_period_has_only_what_was_posted_in_it(audit: Audit) -> None:
    """G9: usage ties with entries for any period; balances are looked at whatever it is."""
    row = await audit.superuser.fetchrow(
        f"select request_id, posted_at from usage_records where {USAGE_ROW}",
        UUID(audit.customer.account_id),
    )
    assert row is not None
    at, tick = row["posted_at"], timedelta(microseconds=1)
    await audit.damage(
        "update usage_records set posted_mc = 1 where request_id = $1", row["request_id"]
    )
    await audit.change_redis("available", 1)
    in_redis = ("redis", "available in Redis")
    inside = await audit.reconcile(Scope(start=at, end=at + tick))
    assert audit.named(inside) > {in_redis}
    assert inside.size.usage_rows == 1
    for scope in (Scope(end=at), Scope(start=at + tick)):
        assert audit.named(await audit.reconcile(scope)) == {in_redis}


async def test_another_account_is_not_looked_at(audit: Audit) -> None:
    """`--account`: only that one."""
    await audit.change_redis("available", 1)
    bystander = UUID(audit.bystander.account_id)
    assert (await audit.reconcile(Scope(account_id=bystander))).is_ok
    customer = UUID(audit.customer.account_id)
    report = await audit.reconcile(Scope(account_id=customer))
    assert (report.difference_count, report.size.accounts) == (1, 1)


async def test_all_differences_are_counted_and_the_first_are_listed(audit: Audit) -> None:
    """A bound on what is listed hides nothing."""
    await audit.damage("update usage_records set charge_mc = charge_mc + 1")
    report = await audit.reconcile(most_listed=3)
    assert len(report.differences) == 3
    assert report.difference_count == report.counts["charges"] == 14
