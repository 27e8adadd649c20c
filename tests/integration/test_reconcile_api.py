"""`GET /admin/reconcile` and `/metrics` on a whole Tollgate."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ledger.redis_keys import account_keys
from ledger.vital_signs import Pulse, VitalSigns
from tests.support.pretend import chat
from tests.support.stack import ADMIN, Customer, Stack, open_stack
from tests.support.waiting import until_answered


@pytest.fixture
async def quiet(database_url: str, redis_url: str) -> AsyncIterator[Stack]:
    """A stack that does not reconcile by itself."""
    async with open_stack(database_url, redis_url, reconcile_every_s=0) as opened:
        yield opened


async def spoil(stack: Stack, customer: Customer, by: int) -> None:
    await stack.balance_mc(customer)  # now Redis has the account
    name = account_keys(customer.account_id).account
    await stack.redis.hincrby(name, "available", by)


async def test_g9_books_that_agree_are_ok_while_calls_go_on(quiet: Stack) -> None:
    """G9: the contract's shape."""
    customer = await quiet.customer("100")
    for _ in range(3):
        async with await quiet.post(customer, chat(max_tokens=20)) as answer:
            assert answer.status == 200
            content = await quiet.admin("GET", f"/reconcile?accountId={customer.account_id}")
            assert (content["ok"], content["differences"]) == (True, [])
    await quiet.settled()
    content = await quiet.admin("GET", f"/reconcile?accountId={customer.account_id}")
    assert (content["accounts"], content["entries"], content["usageRows"]) == (1, 4, 3)
    assert content["checkedAt"].endswith("Z")


async def test_g9_what_differs_is_named(quiet: Stack) -> None:
    """G9: account, what, expected and actual; amounts as strings of millicredits."""
    customer = await quiet.customer("100")
    await spoil(quiet, customer, 1)
    content = await quiet.admin("GET", "/reconcile?from=2026-01-01")
    assert content["ok"] is False
    assert content["differenceCount"] == 1
    assert content["counts"]["redis"] == 1
    assert content["differences"] == [
        {
            "accountId": customer.account_id,
            "check": "redis",
            "what": "available in Redis",
            "expected": "100000",
            "actual": "100001",
            "unit": "millicredits",
            "reference": None,
        }
    ]
    await spoil(quiet, customer, -1)
    assert (await quiet.admin("GET", "/reconcile"))["ok"] is True


@pytest.mark.parametrize(
    ("query", "status", "param"),
    [
        ("accountId=x", 400, "accountId"),
        ("accountId=01a20bac-05e4-7168-a078-6e709e50c3f5", 404, None),
        ("from=yesterday", 400, "from"),
        ("from=2026-02-01&to=2026-01-01", 400, "from"),
        ("limit=5", 400, "limit"),
        ("account=x", 400, "account"),
    ],
)
async def test_a_wrong_question_is_refused_by_name(
    quiet: Stack, query: str, status: int, param: str | None
) -> None:
    """Errors name the field."""
    url = f"{quiet.url}/admin/reconcile?{query}"
    async with quiet.session.get(url, headers=ADMIN) as answer:
        content = await answer.json()
    assert (answer.status, content["error"]["param"]) == (status, param)


async def test_only_operators_may_reconcile(quiet: Stack) -> None:
    """It names accounts."""
    async with quiet.session.get(f"{quiet.url}/admin/reconcile") as answer:
        assert answer.status == 401


async def test_metrics_tell_what_the_last_reconciliation_found(quiet: Stack) -> None:
    """G9: of all accounts, in the text format, for whoever asks; no account is named."""
    customer = await quiet.customer("100")
    await spoil(quiet, customer, 1)
    report = await quiet.admin("GET", "/reconcile")
    found = await metrics(quiet)
    assert found["tollgate_reconcile_ok"] == {"": 0}
    assert found["tollgate_reconcile_differences"]["redis"] == 1
    assert found["tollgate_reconcile_differences"]["chain"] == 0
    assert found["tollgate_reconcile_last_run_timestamp_seconds"][""] > 1_700_000_000
    assert found["tollgate_reconcile_duration_seconds"] == {"": float(report["durationMs"]) / 1000}
    assert found["tollgate_postgres_up"] == found["tollgate_redis_up"] == {"": 1}
    assert found["tollgate_records_waiting"] == found["tollgate_syncs_unapplied"] == {"": 0}
    assert found["tollgate_records_rejected"] == {"": 0}
    async with quiet.session.get(f"{quiet.url}/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        assert customer.account_id not in await answer.text()


class Deaf:
    """An engine that does not answer."""

    async def feel(self) -> VitalSigns:
        return VitalSigns(None, None)


async def test_metrics_answer_while_the_engines_are_away(
    quiet: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G10: and say so; what is not known is left out."""
    monkeypatch.setattr(Pulse, "feel", Deaf.feel)
    assert await metrics(quiet) == {
        "tollgate_postgres_up": {"": 0},
        "tollgate_redis_up": {"": 0},
    }


async def test_the_writer_reconciles_by_itself(stack: Stack) -> None:
    """G9: and the metric says so, without anybody asking for it."""

    async def has_run() -> bool:
        found = await metrics(stack)
        return found["tollgate_reconcile_last_run_timestamp_seconds"][""] > 0

    await until_answered(has_run, "it has reconciled")


async def metrics(stack: Stack) -> dict[str, dict[str, Any]]:
    """Values by name and by label, or by '' where there is none."""
    async with stack.session.get(f"{stack.url}/metrics") as answer:
        assert answer.status == 200
        text = await answer.text()
    return {
        family.name: {"".join(sample.labels.values()): sample.value for sample in family.samples}
        for family in text_string_to_metric_families(text)
    }
