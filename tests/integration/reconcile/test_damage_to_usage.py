"""G8, G9: whatever usage row is damaged by hand, `reconcile` names the account and the check."""

from uuid import UUID

import pytest

from ledger.ids import new_id
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
            },
        ),
        (
            "update usage_records set posted_mc = 0 where account_id = $1 and posted_mc < 0",
            {
                ("charges", "posted amount"),
                ("usage", "amount without its usage row"),
                ("usage", "usage of the period"),
            },
        ),
        (
            f"update usage_records set charge_mc = 151, posted_mc = 151 where {USAGE_ROW}",
            {
                ("charges", "charge"),
                ("usage", "amount of the usage's entry"),
                ("usage", "usage of the period"),
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
            {("usage", "counter account of the usage's entry")},
        ),
        (
            f"delete from usage_records where {USAGE_ROW}",
            {("usage", "amount without its usage row"), ("usage", "usage of the period")},
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
    }
    found = only(report, "usage", "amount of the usage's entry")
    assert (found.expected, found.actual) == ("150", "0")
