"""Closing a month: by command and by API, tied to the exports, and by whom it is noticed if not."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiohttp.test_utils import TestClient
from click.testing import CliRunner, Result

from config.settings import DEFAULT_FOLDER
from deploy.local.postgres_server import SUPERUSER, PostgresServer
from proxy.cli import main
from tests.bench.seeded_books import SeededAccount
from tests.support.people import ADMIN
from tests.support.seeded import seeded_books

Run = Callable[..., Result]

_AN_ENTRY = """(
    select id from ledger_entries
    where account_id = '{victim}' and posted_at between '2026-08-02' and '2026-08-20' limit 1
)"""
DAMAGES = (
    "update accounts set balance_mc = balance_mc + 1 where id = '{victim}'",
    """update usage_records set posted_mc = posted_mc + 1 where request_id = (
        select request_id from usage_records
        where account_id = '{victim}' and posted_at >= '2026-08-02' and status = 'completed' limit 1
    )""",
    f"delete from ledger_entries where id = {_AN_ENTRY}",
    f"""update ledger_entries
        set amount_mc = amount_mc - 1, balance_after_mc = balance_after_mc - 1
        where id = {_AN_ENTRY}""",
)


@pytest.fixture(scope="module")
def accounts(database_url: str, migration_database_url: str) -> list[SeededAccount]:
    return seeded_books(database_url, migration_database_url, rows=3_000)


@pytest.fixture
def run(database_url: str, tmp_path: Path, accounts: list[SeededAccount]) -> Run:
    """Runs a command; `code` is how it must end."""
    environment = {
        "TOLLGATE_CONFIG_DIR": str(DEFAULT_FOLDER),
        "TOLLGATE_STATE_DIR": str(tmp_path / "state"),
        "TOLLGATE_DATABASE_URL": database_url,
    }

    def run_it(*arguments: str, code: int = 0) -> Result:
        result = CliRunner(env=environment).invoke(main, arguments)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return run_it


@pytest.fixture
async def superuser(
    postgres_server: PostgresServer, database_name: str
) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres_server.url(database_name, SUPERUSER))
    yield connection
    await connection.close()


def closed(run: Run, month: str, *more: str) -> dict[str, Any]:
    shown = run("close", "--month", month, "--format", "json", *more).stdout
    content: dict[str, Any] = json.loads(shown, parse_float=Decimal)
    return content


def exported(run: Run, what: str, *period: str) -> list[dict[str, str]]:
    text = run("export", what, "--from", period[0], "--to", period[1]).stdout_bytes.decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("month", [("2026-07-01", "2026-08-01"), ("2026-08-01", "2026-09-01")])
def test_a_close_ties_to_the_exports_of_its_month(run: Run, month: tuple[str, str]) -> None:
    """Each line is the sum of the exported entries, and usage that of the exported rows."""
    shown = closed(run, month[0][:7])
    entries, calls = exported(run, "ledger", *month), exported(run, "usage", *month)

    def sum_of(entry_type: str) -> int:
        found = (row for row in entries if row["type"] == entry_type)
        return sum(int(row["amount_millicredits"]) for row in found)

    names = {"purchase": "purchases", "bonus": "bonuses", "grant": "grants"}
    for entry_type, name in names.items():
        assert int(shown[name]["amountMillicredits"]) == sum_of(entry_type)
    used = {line["model"]: -int(line["amountMillicredits"]) for line in shown["usage"]}
    for model in {row["model"] for row in calls}:
        rows = (row for row in calls if row["model"] == model)
        assert used[model] == sum(int(row["posted_millicredits"]) for row in rows)
    moved = sum(int(row["amount_millicredits"]) for row in entries)
    opening, closing = (int(shown[f"{name}BalanceMillicredits"]) for name in ("opening", "closing"))
    assert opening + moved == closing
    assert int(shown["revenueEarnedMillicredits"]) == sum(used.values())
    assert shown["ties"] is True


def test_a_month_opens_as_the_one_before_has_closed(run: Run) -> None:
    """Also a month in which nothing happened."""
    july, august, september = (closed(run, f"2026-0{number}") for number in (7, 8, 9))
    assert july["closingBalanceMillicredits"] == august["openingBalanceMillicredits"]
    assert august["closingBalanceMillicredits"] == september["openingBalanceMillicredits"]
    assert september["openingBalanceMillicredits"] == september["closingBalanceMillicredits"]
    assert september["usage"] == []


def test_the_accounts_closes_add_up_to_the_close_of_all(
    run: Run, accounts: list[SeededAccount]
) -> None:
    """`--account`"""
    whole = closed(run, "2026-08")
    parts = [closed(run, "2026-08", "--account", str(one.account_id)) for one in accounts]
    for name in ("openingBalanceMillicredits", "closingBalanceMillicredits"):
        assert int(whole[name]) == sum(int(part[name]) for part in parts)
    assert whole["accounts"] == len(accounts)


def test_people_read_a_table_and_spreadsheets_the_same_lines(run: Run) -> None:
    """With a sentence that says that it ties."""
    table = run("close", "--month", "2026-08").stdout
    assert table.startswith("August 2026 (UTC), 3 accounts\n")
    assert "It ties" in table
    text = run("close", "--month", "2026-08", "--format", "csv").stdout_bytes.decode()
    lines = list(csv.DictReader(io.StringIO(text, newline="")))
    names = [line["line"] for line in lines]
    assert names[0] == "Opening balance"
    for line in lines:
        assert Decimal(line["credits"]) * 1000 == int(line["millicredits"])
        assert f"{Decimal(line['credits']):,.3f}" in table
    for name in ("Purchases", "Bonuses", "Grants", "Refunds", "Disputes", "Adjustments"):
        assert names.count(name) == 1
    order = [names.index(name) for name in ("Purchases", "Usage", "Refunds", "Closing balance")]
    assert order == sorted(order)


def test_a_month_that_is_not_over_says_so(run: Run) -> None:
    """And one that has not begun cannot be closed."""
    now = datetime.now(UTC)
    shown = run("close", "--month", f"{now:%Y-%m}").stdout
    assert "so far" in shown.splitlines()[0]
    assert closed(run, f"{now:%Y-%m}")["isOver"] is False
    assert closed(run, "2026-08")["isOver"] is True
    refused = run("close", "--month", f"{now.year + 1}-01", code=2)
    assert "has not begun" in refused.stderr
    wrong = run("close", "--month", "2026-13", code=2)
    assert "is no month: write it like" in wrong.stderr
    assert (
        "there is no account"
        in run("close", "--month", "2026-08", "--account", "nobody", code=1).stderr
    )


async def test_the_api_says_what_the_command_says(run: Run, client: TestClient) -> None:
    """`/admin/close`, for operators."""
    async with client.get("/admin/close?month=2026-08", headers=ADMIN) as response:
        assert response.status == 200
        shown = json.loads(await response.text(), parse_float=Decimal)
    assert shown == await asyncio.to_thread(closed, run, "2026-08")
    for query, param in (("", "month"), ("?month=2026-13", "month"), ("?month=2026-08&x=1", "x")):
        async with client.get(f"/admin/close{query}", headers=ADMIN) as response:
            assert response.status == 400
            assert (await response.json())["error"]["param"] == param
    async with client.get("/admin/close?month=2026-08") as response:
        assert response.status == 401


async def test_each_kind_of_damage_keeps_a_month_from_tying(
    run: Run, superuser: asyncpg.Connection, accounts: list[SeededAccount]
) -> None:
    """A lost entry, a changed amount, a changed balance, a changed usage row: exit 1, by name."""
    victim = str(accounts[1].account_id)
    for damage in DAMAGES:
        damaged = Damage(superuser, damage.format(victim=victim))
        await damaged.do()
        result = await asyncio.to_thread(run, "close", "--month", "2026-08", code=1)
        await damaged.undo()
        assert "DIFFERS" in result.stdout
        assert victim in result.stdout or "gpt-4o" in result.stdout
        assert "It does not tie" in result.stdout
    result = await asyncio.to_thread(run, "close", "--month", "2026-08")
    assert "It ties" in result.stdout


class Damage:
    """Something that no application could do, and what undoes it."""

    _TABLES = ("ledger_entries", "usage_records", "accounts")

    def __init__(self, connection: asyncpg.Connection, statement: str) -> None:
        self._connection = connection
        self._statement = statement

    async def do(self) -> None:
        await self._connection.execute("set session_replication_role = replica")
        for table in self._TABLES:
            await self._connection.execute(f"create temp table kept_{table} as table {table}")
        assert not (await self._connection.execute(self._statement)).endswith(" 0")

    async def undo(self) -> None:
        for table in self._TABLES:
            columns = await self._connection.fetchval(
                "select string_agg(quote_ident(attname), ', ') from pg_attribute"
                " where attrelid = $1::regclass and attnum > 0 and attgenerated = ''"
                " and not attisdropped",
                table,
            )
            await self._connection.execute(f"delete from {table}")
            await self._connection.execute(
                f"insert into {table} ({columns}) select {columns} from kept_{table}"
            )
            await self._connection.execute(f"drop table kept_{table}")
        await self._connection.execute("set session_replication_role = origin")
