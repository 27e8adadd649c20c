"""G8, G9: whatever usage row is damaged by hand, `reconcile` names the account and the check."""

from datetime import timedelta
from uuid import UUID

import pytest

from ledger.ids import new_id
from ledger.reconciliation.difference import Scope
from tests.support.audit import Audit, only

USAGE_ROW = "account_id = $1 and kind = 'settled' and charge_mc = 150"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            f"update usage_records set charge_mc = 151 where {USAGE_ROW}",
            {("charges", "charge")},
        ),
        (
            f"update usage_records set posted_mc = 149 where {USAGE_ROW}",
            {
                ("charges", "posted amount"),
                ("usage", "amount of the usage's entry"),
                ("usage", "usage of the period"),
                ("days", "sum of the day's usage"),
            },
        ),
        (
            "update usage_records set posted_mc = 0 where account_id = $1 and posted_mc < 0",
            {
                ("charges", "posted amount"),
                ("usage", "amount without its usage row"),
                ("usage", "usage of the period"),
                ("days", "sum of the day's usage"),
            },
        ),
        (
            f"update usage_records set charge_mc = 151, posted_mc = 151 where {USAGE_ROW}",
            {
                ("charges", "charge"),
                ("usage", "amount of the usage's entry"),
                ("usage", "usage of the period"),
                ("days", "sum of the day's usage"),
            },
        ),
        (
            f"update usage_records set units = '{{\"output\": 149}}' where {USAGE_ROW}",
            {("charges", "charge")},
        ),
        (
            f'update usage_records set rates = \'{{"output": "1.1"}}\' where {USAGE_ROW}',
            {("charges", "charge")},
        ),
        (
            f"update usage_records set rates = '{{}}' where {USAGE_ROW}",
            {("charges", "units and rates")},
        ),
        (
            f'update usage_records set rates = \'{{"output": "cheap"}}\' where {USAGE_ROW}',
            {("charges", "units and rates")},
        ),
        (
            f"update usage_records set rounding = 'credit' where {USAGE_ROW}",
            {("charges", "charge")},
        ),
        (
            f"update usage_records set cost_picousd = 1 where {USAGE_ROW}",
            {("charges", "cost")},
        ),
        (
            f"update usage_records set posted_at = posted_at + interval '1 hour' where {USAGE_ROW}",
            {("usage", "amount without its usage row"), ("usage", "amount of the usage's entry")},
        ),
        (
            f"update usage_records set model = 'gpt-4o' where {USAGE_ROW}",
            {("usage", "counter account of the usage's entry"), ("days", "sum of the day's usage")},
        ),
        (
            f"delete from usage_records where {USAGE_ROW}",
            {
                ("usage", "amount without its usage row"),
                ("usage", "usage of the period"),
                ("days", "sum of the day's usage"),
            },
        ),
    ],
)
async def test_damage_to_a_usage_row_is_named(
    audit: Audit, statement: str, expected: set[tuple[str, str]]
) -> None:
    """G8, G9: a row is recomputed from itself, and compared with its entry."""
    await audit.damage(statement, UUID(audit.customer.account_id))
    assert audit.named(await audit.reconcile()) == expected


async def test_a_changed_charge_is_named_with_what_it_should_be(audit: Audit) -> None:
    """G9: the request, expected and actual, in millicredits."""
    request_id = await audit.call(70)
    await audit.damage(
        "update usage_records set charge_mc = 71 where request_id = $1", UUID(request_id)
    )
    found = only(await audit.reconcile(), "charges", "charge")
    assert (found.expected, found.actual, found.unit) == ("70", "71", "millicredits")
    assert found.reference == f"request {request_id} settled"


async def test_a_planted_usage_row_is_named(audit: Audit) -> None:
    """G9: nothing was taken for it."""
    await audit.damage(
        "insert into usage_records select (r).* from (select jsonb_populate_record(record,"
        " jsonb_build_object('request_id', $2::text, 'posted_at', now())) as r"
        f" from usage_records as record where {USAGE_ROW}) as copies",
        UUID(audit.customer.account_id),
        new_id(),
    )
    report = await audit.reconcile()
    assert audit.named(report) == {
        ("usage", "amount of the usage's entry"),
        ("usage", "usage of the period"),
        ("days", "sum of the day's usage"),
    }
    found = only(report, "usage", "amount of the usage's entry")
    assert (found.expected, found.actual) == ("150", "0")


async def test_a_daily_sum_that_is_set_off_is_named_until_the_owner_recounts(audit: Audit) -> None:
    """G9: account, day and both amounts; what the owner recounts is what the rows say."""
    audit_day = await audit.superuser.fetchrow(
        "update usage_days set charged_mc = charged_mc + 7 where (account_id, day, model) in"
        " (select account_id, day, model from usage_days where account_id = $1 limit 1)"
        " returning *",
        UUID(audit.customer.account_id),
    )
    assert audit_day is not None
    report = await audit.reconcile()
    assert audit.named(report) == {("days", "sum of the day's usage")}
    found = only(report, "days", "sum of the day's usage")
    assert int(found.actual) == int(found.expected) + 7 == audit_day["charged_mc"]
    assert found.reference == f"{audit_day['day']} gpt-4o-mini key {audit_day['key_id']}"
    await audit.superuser.execute("select recount_usage_days($1)", audit_day["day"])
    assert (await audit.reconcile()).is_ok


async def test_a_recount_makes_what_the_writer_had_made(audit: Audit) -> None:
    """G9: sums, calls (a late truth is none) and the newest call, of every key and day."""
    query = "select * from usage_days order by account_id, day, key_id, model"
    kept = await audit.superuser.fetch(query)
    assert sum(row["calls"] for row in kept) == 12
    await audit.superuser.execute("update usage_days set calls = 1, charged_mc = 1")
    await audit.superuser.execute("select recount_usage_days('-infinity')")
    assert await audit.superuser.fetch(query) == kept


async def test_a_day_that_is_not_wholly_in_the_period_is_not_looked_at(audit: Audit) -> None:
    """G9: short runs leave the sums of a day that goes on to the daily one."""
    await audit.superuser.execute("update usage_days set charged_mc = charged_mc + 7")
    now = await audit.superuser.fetchval("select clock_timestamp()")
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    tick, a_day = timedelta(microseconds=1), timedelta(days=1)
    for scope in (Scope(start=midnight + tick), Scope(end=midnight + a_day - tick)):
        assert (await audit.reconcile(scope)).is_ok
    report = await audit.reconcile(Scope(start=midnight, end=midnight + a_day))
    assert report.counts["days"] == 2
