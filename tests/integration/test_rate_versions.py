"""The history of rates: a line for each change, however many processes tell of it."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from click.testing import CliRunner, Result
from pytest_aiohttp import AiohttpClient

from config.rates import RateTable
from config.settings import DEFAULT_FOLDER
from ledger.database import DatabaseUnavailableError, connect_pool
from ledger.pages import Window
from ledger.rate_versions import RateApplication, RateVersions
from proxy.cli import main
from proxy.rates.recording import recording
from tests.support.calls import table_with, until
from tests.support.people import ADMIN, Desk, desk_app, open_desk
from tests.support.rates import fixed_rates, shipped_table

Run = Callable[..., Result]
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SHIPPED = shipped_table()
DEARER = RateTable(version="dearer", updated_at_s=0, models=table_with(label="Dear").models)


@pytest.fixture
async def desk(
    database_url: str, migration_database_url: str, redis_url: str
) -> AsyncIterator[Desk]:
    """The people's side, with no rates applied yet."""
    owner = await asyncpg.connect(migration_database_url)
    await owner.execute("truncate rate_applications, rate_versions")
    await owner.close()
    async with open_desk(database_url, redis_url) as opened:
        yield opened


@pytest.fixture
def versions(desk: Desk) -> RateVersions:
    return RateVersions(desk.pool)


def application(table: RateTable, minute: int, **changes: Any) -> RateApplication:
    values: dict[str, Any] = {
        "version": table.version,
        "models": table.models,
        "applied_at": NOON + timedelta(minutes=minute),
        "in_force_from": NOON + timedelta(minutes=minute),
        "reason": "file changed",
        "host": "here",
        "source": "config/rates.toml",
        "file_owner": "ada",
    }
    return RateApplication(**{**values, **changes})


async def told(versions: RateVersions) -> list[tuple[str, int]]:
    """Version and minute of each line, the oldest first."""
    page = await versions.history(Window(limit=100))
    lines = [(one.version, (one.applied_at - NOON).seconds // 60) for one in page.rows]
    return lines[::-1]


async def test_a_change_is_one_line_however_many_tell_of_it(versions: RateVersions) -> None:
    """Rate versions: workers, the writer and other hosts take the same file."""
    first, second = application(SHIPPED, 0), application(SHIPPED, 1, host="there")
    await asyncio.gather(*(versions.remember(first) for _ in range(8)))
    await asyncio.gather(*(versions.remember(second) for _ in range(8)))
    assert await told(versions) == [(SHIPPED.version, 0)]


async def test_there_and_back_is_three_lines(versions: RateVersions) -> None:
    """Rate versions: of two versions."""
    for minute, table in enumerate((SHIPPED, DEARER, SHIPPED)):
        await versions.remember(application(table, minute))
    assert await told(versions) == [(SHIPPED.version, 0), ("dearer", 1), (SHIPPED.version, 2)]


async def test_a_process_that_tells_late_adds_nothing_that_is_known(versions: RateVersions) -> None:
    """Rate versions: Postgres was away for one of them, for the others it was not."""
    lines = [application(table, at) for at, table in enumerate((SHIPPED, DEARER, SHIPPED))]
    for line in lines * 2:
        await versions.remember(line)
    assert len(await told(versions)) == 3
    await versions.remember(application(DEARER, 0, applied_at=NOON + timedelta(seconds=90)))
    assert len(await told(versions)) == 3


async def test_in_force_is_what_was_applied_last(versions: RateVersions) -> None:
    """Rate versions: with all that it says."""
    assert await versions.in_force() is None
    await versions.remember(application(SHIPPED, 0))
    latest = application(DEARER, 1, reason="schedule", in_force_from=NOON)
    await versions.remember(latest)
    found = await versions.in_force()
    assert found is not None
    assert found.application_id
    told_of = {name: getattr(found, name) for name in RateApplication.__struct_fields__[:-1]}
    assert RateApplication(**told_of) == latest


async def test_the_application_cannot_change_what_was_applied(desk: Desk) -> None:
    """G6: append-only."""
    await RateVersions(desk.pool).remember(application(SHIPPED, 0))
    for statement in (
        *("update rate_applications set host = ''", "delete from rate_applications"),
        *("truncate rate_applications", "update rate_versions set content = '{}'"),
        "delete from rate_versions",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await desk.pool.execute(statement)


async def test_what_comes_into_force_is_recorded_by_itself(desk: Desk) -> None:
    """Rate versions: in the background, and once."""
    versions = RateVersions(desk.pool)
    rates = fixed_rates(SHIPPED)
    async with recording(rates, desk.pool), recording(fixed_rates(SHIPPED), desk.pool):
        await until(lambda: not rates.switches)
    assert [version for version, _ in await told(versions)] == [SHIPPED.version]


async def test_recording_outlives_a_postgres_that_is_away() -> None:
    """Rate versions: nothing waits for it, and nothing is forgotten."""
    rates = fixed_rates(SHIPPED)
    pool = await connect_pool("postgresql://tollgate_app@127.0.0.1:1/none", min_size=0, max_size=1)
    with pytest.raises(DatabaseUnavailableError):
        await RateVersions(pool).remember(rates.switches[0])
    async with recording(rates, pool):
        await asyncio.sleep(0)
    assert len(rates.switches) == 1
    await pool.close()


async def test_operators_list_the_history(desk: Desk, aiohttp_client: AiohttpClient) -> None:
    """`GET /admin/rate-versions`: pages, newest first, with rates and costs."""
    client = await aiohttp_client(desk_app(desk))
    for minute, table in enumerate((SHIPPED, DEARER, SHIPPED)):
        await RateVersions(desk.pool).remember(application(table, minute))

    async def page(query: str, status: int = 200) -> Any:
        async with client.get(f"/admin/rate-versions?{query}", headers=ADMIN) as response:
            assert response.status == status
            return await response.json()

    first = await page("limit=2")
    assert [row["version"] for row in first["data"]] == [SHIPPED.version, "dearer"]
    rest = await page(f"limit=2&cursor={first['nextCursor']}")
    assert rest["nextCursor"] is None
    [row] = rest["data"]
    models = row.pop("models")
    assert row == {
        "version": SHIPPED.version,
        "appliedAt": "2026-11-24T12:00:00.000Z",
        "inForceFrom": "2026-11-24T12:00:00.000Z",
        "reason": "file changed",
        "host": "here",
        "source": "config/rates.toml",
        "fileOwner": "ada",
    }
    rates = {"input": "20", "cached_input": "10", "output": "80"}
    assert models["gpt-4o"] == {"rates": rates, "costs": {}}
    assert (await page("", 200))["nextCursor"] is None
    assert (await page("model=gpt-4o", 400))["error"]["param"] == "model"
    async with client.get("/admin/rate-versions") as response:
        assert response.status == 401


@pytest.fixture
def run(database_url: str, tmp_path: Path) -> Run:
    """Runs a command in a thread of its own: it has an event loop, too."""
    variables = {
        "TOLLGATE_CONFIG_DIR": str(DEFAULT_FOLDER),
        "TOLLGATE_STATE_DIR": str(tmp_path / "state"),
        "TOLLGATE_DATABASE_URL": database_url,
    }

    def run_it(*arguments: str, code: int = 0, **changed: str) -> Result:
        result = CliRunner(env={**variables, **changed}).invoke(main, arguments)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return run_it


async def test_the_command_shows_the_history(versions: RateVersions, run: Run) -> None:
    """`tollgate rates history`: for people, and for machines."""
    await versions.remember(application(SHIPPED, 0))
    await versions.remember(application(DEARER, 1, reason="signal"))
    table = (await asyncio.to_thread(run, "rates", "history")).stdout.splitlines()
    assert re.split(" {2,}", table[0])[:4] == ["In force from", "Version", "Models", "Reason"]
    assert [line.split()[2:5] for line in table[1:]] == [
        ["dearer", "2", "signal"],
        [SHIPPED.version, "2", "file"],
    ]
    content = json.loads(
        (
            await asyncio.to_thread(run, "rates", "history", "--format", "json", "--limit", "1")
        ).stdout
    )
    assert [row["version"] for row in content["data"]] == ["dearer"]
    assert content["nextCursor"]


async def test_a_draft_is_compared_with_what_was_applied_last(
    versions: RateVersions, run: Run, tmp_path: Path
) -> None:
    """`tollgate rates diff`: against the ledger's rates, whatever the config folder says."""
    draft = tmp_path / "draft.toml"
    draft.write_text((DEFAULT_FOLDER / "rates.toml").read_text().replace('"80"', '"85"'))

    async def diff(*options: str, **changed: str) -> str:
        result = await asyncio.to_thread(run, "rates", "diff", str(draft), *options, **changed)
        return result.stdout

    said = await diff()
    assert f"{DEFAULT_FOLDER / 'rates.toml'} (nothing was applied yet)" in said
    assert said.splitlines()[-1].split() == ["gpt-4o", "output", "80", "85", "+6.25", "%"]
    await versions.remember(application(DEARER, 0))
    said = await diff()
    heading = "In force  dearer since 2026-11-24 12:00:00Z, applied from config/rates.toml on here"
    assert said.startswith(heading)
    assert [line.split() for line in said.splitlines()[-2:]] == [
        ["gpt-4o-mini", "label", "Dear", "Eco"],
        ["gpt-4o", "output", "80", "85", "+6.25", "%"],
    ]
    content = json.loads(await diff("--format", "json"))
    assert (content["equal"], content["against"]["version"]) == (False, "dearer")
    assert content["models"][1] == {
        "model": "gpt-4o",
        "change": "changed",
        "differences": [{"what": "output", "old": "80", "new": "85", "percent": "+6.25"}],
    }
    said = await diff(TOLLGATE_DATABASE_URL="postgresql://127.0.0.1:1/none")
    assert "(Postgres cannot be reached)" in said
    said = await diff(TOLLGATE_DATABASE_URL="")
    assert "(no database is set)" in said


async def test_an_equal_table_has_no_difference(versions: RateVersions, run: Run) -> None:
    """`tollgate rates diff`: exit 0, and a word."""
    await versions.remember(application(SHIPPED, 0))
    file = str(DEFAULT_FOLDER / "rates.toml")
    said = (await asyncio.to_thread(run, "rates", "diff", file)).stdout
    assert said.endswith("\nNo difference.\n")
    content = (await asyncio.to_thread(run, "rates", "diff", file, "--format", "json")).stdout
    assert json.loads(content)["equal"] is True


def test_check_and_diff_show_what_is_scheduled(run: Run, tmp_path: Path) -> None:
    """Rates: before it comes into force; a bad draft is refused by both."""
    draft = tmp_path / "draft.toml"
    shipped = (DEFAULT_FOLDER / "rates.toml").read_text()
    plan = '[[models."gpt-4o".changes]]\neffective_from = 2999-01-01T00:00:00Z\ninput = "10"\n'
    draft.write_text(shipped + plan)
    for command in ("check", "diff"):
        lines = run("rates", command, str(draft)).stdout.splitlines()
        assert lines[-1].split() == [
            *("2999-01-01T00:00:00Z", "gpt-4o", "input", "20", "10", "-50.00", "%")
        ]
    draft.write_text(shipped + plan.replace("Z", ""))
    for command in ("check", "diff"):
        said = run("rates", command, str(draft), code=1).stderr
        assert f'{draft}: models."gpt-4o".changes[0].effective_from: ' in said
        assert "has no time zone" in said
