"""`tollgate reconcile` and `tollgate rebuild`, as operators use them."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import redis as redis_client
from click.testing import CliRunner, Result

from config.settings import DEFAULT_FOLDER
from deploy.local.postgres_server import SUPERUSER, PostgresServer
from ledger.ids import new_id
from ledger.redis_keys import account_keys
from proxy.cli import main
from tests.support.books import open_books
from tests.support.records import truth_of
from tests.support.waiting import PATIENT

Run = Callable[..., Result]


@pytest.fixture
def run(database_url: str, redis_url: str, tmp_path: Path) -> Run:
    """Runs a command; `code` is how it must end, `changed` what else is set or unset."""
    variables = {
        "TOLLGATE_CONFIG_DIR": str(DEFAULT_FOLDER),
        "TOLLGATE_STATE_DIR": str(tmp_path / "state"),
        "TOLLGATE_DATABASE_URL": database_url,
        "TOLLGATE_REDIS_URL": redis_url,
    }

    def run_it(*arguments: str, code: int = 0, changed: dict[str, str] | None = None) -> Result:
        result = CliRunner(env={**variables, **(changed or {})}).invoke(main, arguments)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return run_it


@pytest.fixture
def account_id(
    postgres_server: PostgresServer, database_name: str, database_url: str, redis_url: str
) -> str:
    """The only account: a grant, and three calls that were charged."""

    async def make() -> str:
        async with open_books(postgres_server.url(database_name, SUPERUSER), redis_url) as books:
            async with books.pool.acquire() as connection:
                await connection.execute(
                    "reset role; truncate accounts, usage_records, usage_days cascade"
                )
                await connection.execute("set role tollgate_app")
            ada = await books.customer(10_000)
            for charge_mc in (100, 150, 200):
                request = await books.held(ada, 300)
                await books.holds.settle(truth_of(request.orphan, charge_mc))
            await books.write(ada)
            return ada.account_id

    return asyncio.run(make())


def spoil(redis_url: str, account_id: str, by: int) -> None:
    with redis_client.Redis.from_url(redis_url, **PATIENT) as client:
        client.hincrby(account_keys(account_id).account, "available", by)


def test_good_books_end_with_0_and_say_what_was_checked(run: Run, account_id: str) -> None:
    """G9: one line."""
    said = run("reconcile")
    assert said.stdout == "1 account, 4 entries, 3 usage rows checked: no differences\n"
    assert said.stderr == ""
    assert run("reconcile", "--account", account_id).stdout == said.stdout
    later = run("reconcile", "--from", "2099-01-01").stdout
    assert later == "1 account, 0 entries, 0 usage rows checked: no differences\n"


def test_differences_end_with_1_and_name_account_check_expected_and_actual(
    run: Run, account_id: str, redis_url: str
) -> None:
    """G9: in credits for people."""
    spoil(redis_url, account_id, -1)
    titles, row, total = run("reconcile", code=1).stdout.splitlines()
    assert titles.split() == ["ACCOUNT", "CHECK", "WHAT", "EXPECTED", "ACTUAL", "REFERENCE"]
    assert row.split("  ") == [
        *(account_id, "redis", "available in Redis", "9.55 credits", "9.549 credits", "-"),
    ]
    assert total.endswith("checked: 1 difference (1 redis)")


def test_machines_read_the_shape_of_the_api(run: Run, account_id: str, redis_url: str) -> None:
    """In exact millicredits."""
    spoil(redis_url, account_id, -1)
    content = json.loads(run("reconcile", "--format", "json", code=1).stdout)
    assert (content["ok"], content["accounts"], content["differenceCount"]) == (False, 1, 1)
    assert content["differences"][0]["expected"] == "9550"
    assert content["differences"][0]["accountId"] == account_id


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--account", "nobody"), "there is no account nobody"),
        (("--account", new_id()), "there is no account"),
        (("--from", "yesterday"), "is not a date or time"),
        (("--from", "2026-02-01", "--to", "2026-01-01"), "is not before --to"),
        (("--format", "xml"), "'xml' is not one of"),
    ],
)
def test_a_wrong_question_ends_with_2(run: Run, arguments: tuple[str, ...], said: str) -> None:
    """Neither 0 nor 1: it cannot be said."""
    assert said in run("reconcile", *arguments, code=2).stderr


def test_engines_that_are_away_end_with_2(run: Run, account_id: str) -> None:
    """A watchdog must not take silence for good books, nor for bad ones."""
    away = {"TOLLGATE_REDIS_URL": "redis://127.0.0.1:1"}
    assert "Redis cannot be reached" in run("reconcile", code=2, changed=away).stderr
    away = {"TOLLGATE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}
    assert "Postgres cannot be reached" in run("reconcile", code=2, changed=away).stderr


def test_rebuild_puts_right_what_reconcile_has_named(
    run: Run, account_id: str, redis_url: str
) -> None:
    """G9: and says what it was."""
    spoil(redis_url, account_id, 7)
    run("reconcile", code=1)
    titles, row = run("rebuild", account_id).stdout.splitlines()
    assert titles.split() == ["ACCOUNT", "AVAILABLE", "HELD", "UNWRITTEN", "CHANGED"]
    assert row.startswith(account_id)
    assert row.endswith("available in Redis 9.557 → 9.55")
    run("reconcile")
    assert "nothing was wrong" in run("rebuild", "--all").stdout


def test_rebuild_says_what_was_no_number(run: Run, account_id: str, redis_url: str) -> None:
    """G9: text where a balance should be, and a number that was never given."""
    with redis_client.Redis.from_url(redis_url, **PATIENT) as client:
        damage = {"available": "abc", "sync": 999}
        client.hset(account_keys(account_id).account, mapping=damage)
    said = run("rebuild", account_id).stdout
    assert said.endswith("`available` in Redis was abc; last sync in Redis was 999\n")
    run("reconcile")


def test_rebuild_needs_to_be_told_what(run: Run, account_id: str) -> None:
    """Accounts, or all of them; not both."""
    for arguments in ((), (account_id, "--all")):
        assert "Name accounts, or give --all" in run("rebuild", *arguments, code=2).stderr
    assert "there is no account" in run("rebuild", new_id(), code=1).stderr


def test_rebuild_does_not_copy_a_damaged_ledger(
    run: Run, account_id: str, database_url: str
) -> None:
    """G6: it says which account, and goes on with the others."""

    async def damage() -> None:
        async with open_books(database_url, "redis://127.0.0.1:1") as books:
            await books.execute("update accounts set balance_mc = balance_mc + 1")

    asyncio.run(damage())
    said = run("rebuild", "--all", code=1)
    assert f"account {account_id} is not rebuilt, because its ledger is damaged" in said.stderr
