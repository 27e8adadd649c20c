"""`tollgate rates simulate` on real rows: what was, what would be, and what nobody knows."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import CliRunner, Result

from config.settings import DEFAULT_FOLDER
from ledger.database import acquired
from ledger.ids import new_id
from ledger.simulation import PastCalls, UsagePeriod
from pricing.simulation import Replay, Simulation
from proxy.cli import main
from tests.support.people import Desk, minute, open_desk
from tests.support.rates import shipped_table

Run = Callable[..., Result]

START, END = datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)

DRAFT = """
    [models."gpt-4o-mini"]
    upstream = "openai"
    input = "3"
    cached_input = "1.5"
    output = "12"
    context_window = 128000
    max_output_tokens = 16384
    retire_at = 2099-01-01T00:00:00Z

    [[models."gpt-4o-mini".changes]]
    effective_from = 2098-01-01T00:00:00Z
    input = "30"
    cached_input = "15"
    output = "120"
"""
COSTS = '    cost_input = "0.15"\n    cost_cached_input = "0.075"\n    cost_output = "0.6"\n'

# One call of 1,000 input (200 cached) and 100 output tokens was 3.12 credits; with the draft it
# is 2.4 + 0.3 + 1.2. At the costs above it takes 0.000195 USD.
WAS_MC, WOULD_BE_MC, COST_PICOUSD = 3120, 3900, 195_000_000


async def use_with_cost(desk: Desk, account_id: str, cost_picousd: int, **changes: object) -> str:
    """A call whose cost is known; rows are never changed, so it is made out of another one."""
    async with acquired(desk.pool) as connection:
        template = await desk.use(new_id(), datetime(2020, 1, 1, tzinfo=UTC))
        request_id = new_id()
        values = {
            "request_id": request_id,
            "account_id": account_id,
            "posted_at": minute(0).isoformat(),
            "cost_picousd": cost_picousd,
            **changes,
        }
        await connection.execute(
            "insert into usage_records select (jsonb_populate_record(one, $2::jsonb)).* "
            "from usage_records as one where request_id = $1",
            template,
            json.dumps(values),
        )
    return request_id


async def simulated(desk: Desk, account_id: str | None = None) -> Simulation:
    replay = Replay(shipped_table())
    account = None if account_id is None else UUID(account_id)
    period = UsagePeriod(start=START, end=END, account_id=account)
    async for calls in PastCalls(desk.pool).read(period):
        replay.add(calls)
    return replay.simulation()


async def test_the_calls_of_a_period_are_read_once_each(desk: Desk) -> None:
    """Simulate: from the start to before the end, by the time of posting."""
    account = await desk.accounts.create("Ada")
    for at in (START, minute(1), END):
        await desk.use(account.account_id, at)
    await desk.use(account.account_id, datetime(2026, 1, 30, 23, 59, 59, 999_999, tzinfo=UTC))
    simulation = await simulated(desk, account.account_id)
    assert (simulation.total.calls, simulation.total.was_mc) == (2, 2 * WAS_MC)
    assert simulation.total.would_be_mc == 2 * WAS_MC


async def test_the_truth_counts_in_place_of_an_orphans_row(desk: Desk) -> None:
    """Simulate: as lists show it; an orphan whose truth never came counts."""
    account = await desk.accounts.create("Ada")
    both, later, lonely = new_id(), new_id(), new_id()
    for request_id in (both, later, lonely):
        await desk.use(
            account.account_id, minute(0), kind="orphan", request_id=request_id, charge_mc=50
        )
    await desk.use(account.account_id, minute(1), request_id=both, charge_mc=70)
    await desk.use(account.account_id, END, request_id=later, charge_mc=900)
    total = (await simulated(desk, account.account_id)).total
    assert (total.calls, total.was_mc) == (2, 120)


async def test_the_number_of_calls_is_guessed_without_counting(desk: Desk) -> None:
    """Simulate: enough for a progress bar."""
    past = PastCalls(desk.pool)
    assert await past.estimated_count(UsagePeriod(start=START, end=END)) >= 0


async def test_accounts_stay_apart(desk: Desk) -> None:
    """G12: with an account given, no other's calls are read."""
    first, second = await desk.accounts.create("Ada"), await desk.accounts.create("Bob")
    await desk.use(first.account_id, minute(0))
    await desk.use(second.account_id, minute(0))
    assert set((await simulated(desk, first.account_id)).by_account) == {first.account_id}
    assert {first.account_id, second.account_id} <= set((await simulated(desk)).by_account)


@pytest.fixture
def run(database_url: str, tmp_path: Path) -> Run:
    """Runs the command on a draft; `code` is how it must end."""
    variables = {
        "TOLLGATE_CONFIG_DIR": str(DEFAULT_FOLDER),
        "TOLLGATE_STATE_DIR": str(tmp_path / "state"),
        "TOLLGATE_DATABASE_URL": database_url,
    }

    def run_it(*arguments: str, draft: str = DRAFT, code: int = 0) -> Result:
        path = tmp_path / "draft.toml"
        path.write_text(draft)
        command = ("rates", "simulate", str(path), *arguments)
        result = CliRunner(env=variables).invoke(main, command)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return run_it


@pytest.fixture
def make(database_url: str, redis_url: str) -> Callable[[Callable[[Desk], Awaitable[str]]], str]:
    """Puts rows into the database, before a command is run."""

    def make_it(work: Callable[[Desk], Awaitable[str]]) -> str:
        async def go() -> str:
            async with open_desk(database_url, redis_url) as desk:
                return await work(desk)

        return asyncio.run(go())

    return make_it


async def an_account_with_calls(desk: Desk) -> str:
    """Two calls of one model, one of which has a cost, and one of another model."""
    account_id = (await desk.accounts.create("Ada [bold]Ltd")).account_id
    await desk.use(account_id, minute(0))
    await use_with_cost(desk, account_id, 100_000_000)
    await desk.use(account_id, minute(2), model="gone[/]", charge_mc=1_000_000)
    return account_id


PERIOD = ("--from", "2026-01-31", "--to", "2026-02-01T01:00:00+01:00")
Make = Callable[[Callable[[Desk], Awaitable[str]]], str]


def test_people_read_tables_with_totals(run: Run, make: Make) -> None:
    """Simulate: what was, what would be, by how much it changes; a dash for what is unknown."""
    account_id = make(an_account_with_calls)
    shown = run(*PERIOD, "--account", account_id).stdout
    lines = [line.split() for line in shown.splitlines()]
    assert f"The calls of account {account_id} from 2026-01-31 to before 2026-02-01" in shown
    assert ["Revenue,", "credits", "1,006.240", "7.800", "-998.440", "-99.2"] in lines
    assert ["Revenue,", "USD", "1.006240", "0.007800", "-0.998440", "-99.2"] in lines
    assert ["gpt-4o-mini", "2", "6.240", "7.800", "+25.0", "0.003020*", "0.003800*"] in lines
    assert ["gone[/]", "1", "1,000.000", "-", "-", "-", "-"] in lines
    assert ["gone[/]", "1", "1,000.000", "is", "not", "in", "the", "table"] in lines
    assert ["Total", "3", "1,006.240", "7.800", "-99.2", "0.003020*", "0.003800*"] in lines
    assert f"Ada [bold]Ltd  {account_id}" in shown
    assert "Without them revenue was 6.240 credits and would be 7.800 (+25.0 %)." in shown
    assert "\x1b" not in shown


def test_machines_read_exact_texts(run: Run, make: Make) -> None:
    """Simulate: millicredits and 10^-12 USD as strings, null where nobody knows."""
    account_id = make(an_account_with_calls)
    result = run(*PERIOD, "--account", account_id, "--format", "json")
    shown = json.loads(result.stdout)
    assert result.stderr == ""
    assert (shown["from"], shown["to"]) == ("2026-01-31T00:00:00.000Z", "2026-02-01T00:00:00.000Z")
    assert (shown["accountId"], shown["creditsPerUsd"]) == (account_id, 1000)
    total, models = shown["total"], {one["model"]: one for one in shown["models"]}
    assert (total["calls"], total["unpricedCalls"]) == (3, 1)
    assert total["revenue"]["wasMillicredits"] == str(2 * WAS_MC + 1_000_000)
    assert total["revenue"]["wouldBeMillicredits"] == str(2 * WOULD_BE_MC)
    assert total["revenue"]["wasOfPricedMillicredits"] == str(2 * WAS_MC)
    assert total["revenue"]["changePercent"] == -99.2
    assert models["gpt-4o-mini"]["margin"]["was"] == {
        "calls": 1,
        "revenueMillicredits": "3120",
        "revenueCredits": 3.12,
        "costPicousd": "100000000",
        "marginPicousd": "3020000000",
    }
    assert models["gpt-4o-mini"]["margin"]["wouldBe"]["marginPicousd"] == "3800000000"
    assert models["gone[/]"]["margin"]["was"]["marginPicousd"] is None
    assert [(one["accountId"], one["name"]) for one in shown["accounts"]] == [
        (account_id, "Ada [bold]Ltd")
    ]
    assert [(one["model"], one["reason"], one["calls"]) for one in shown["unpriced"]] == [
        ("gone[/]", "is not in the table", 1)
    ]


def test_the_costs_in_the_file_make_every_margin_known(run: Run, make: Make) -> None:
    """Simulate: where the file has costs, they are what the provider would take."""
    account_id = make(an_account_with_calls)
    draft = DRAFT.replace("    context_window", f"{COSTS}    context_window")
    shown = json.loads(
        run(*PERIOD, "--account", account_id, "--format", "json", draft=draft).stdout
    )
    would_be = shown["total"]["margin"]["wouldBe"]
    assert (would_be["calls"], would_be["costPicousd"]) == (2, str(2 * COST_PICOUSD))
    assert would_be["marginPicousd"] == str(2 * (WOULD_BE_MC * 10**6 - COST_PICOUSD))


def test_rates_of_the_future_can_be_tried(run: Run, make: Make) -> None:
    """Simulate: `--at` takes what is scheduled, and what is retired by then."""
    account_id = make(an_account_with_calls)
    arguments = (*PERIOD, "--account", account_id, "--format", "json", "--at")
    later = json.loads(run(*arguments, "2098-06-01").stdout)
    assert later["total"]["revenue"]["wouldBeMillicredits"] == str(20 * WOULD_BE_MC)
    retired = json.loads(run(*arguments, "2099-06-01").stdout)
    reasons = {one["model"]: one["reason"] for one in retired["unpriced"]}
    assert reasons == {"gpt-4o-mini": "is retired", "gone[/]": "is not in the table"}


def test_many_accounts_are_one_line(run: Run, make: Make) -> None:
    """Simulate: the table names the largest; all add up."""

    async def many(desk: Desk) -> str:
        for number in range(5):
            account = await desk.accounts.create(f"Customer {number}")
            await desk.use(account.account_id, datetime(2019, 5, 5, number, tzinfo=UTC))
        return ""

    make(many)
    shown = run("--from", "2019-05-05", "--to", "2019-05-06", "--accounts", "2").stdout
    lines = [line.split() for line in shown.splitlines()]
    assert ["3", "others", "3", "9.360", "11.700", "+25.0"] in lines
    assert ["Total", "5", "15.600", "19.500", "+25.0"] in lines
    assert "No margins" in shown
    shown = run("--from", "2019-05-05", "--to", "2019-05-06", "--accounts", "4").stdout
    assert "1 other " in shown


def test_a_period_without_calls_is_said(run: Run) -> None:
    """Simulate: no empty tables."""
    shown = run("--from", "2001-01-01", "--to", "2001-02-01").stdout
    assert shown.endswith("There are no calls in this period.\n")
    assert "no calls in this period" in run("--to", "0001-01-05", "--at", "0001-01-01").stdout


def test_the_last_thirty_days_are_the_default(run: Run) -> None:
    """Simulate: until now."""
    shown = json.loads(run("--format", "json").stdout)
    start, end = (datetime.fromisoformat(shown[name]) for name in ("from", "to"))
    assert (end - start).days == 30


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (("--from", "yesterday"), "'yesterday' is not a date or time: write it like 2026-01-31", 2),
        (("--from", "2026-02-30"), "'2026-02-30' is not a date or time", 2),
        (("--from", "2026-02-01", "--to", "2026-02-01"), "is not before", 2),
        (("--from", "2999-01-01"), "is not before", 2),
        (("--at", "x"), "'x' is not a date or time", 2),
        (("--account", "7"), "there is no account 7", 1),
        (("--account", new_id()), "there is no account", 1),
        (("--format", "csv"), "'csv' is not one of", 2),
    ],
)
def test_what_cannot_be_simulated_is_said(
    run: Run, arguments: tuple[str, ...], said: str, code: int
) -> None:
    """Simulate: the option, and what would be right."""
    result = run(*arguments, code=code)
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_a_bad_table_is_refused_with_file_key_and_reason(run: Run, tmp_path: Path) -> None:
    """Simulate: as `rates check` does."""
    result = run(draft=DRAFT.replace('"12"', '"12,5"'), code=1)
    assert f"Error: {tmp_path / 'draft.toml'}: " in result.stderr
    assert "'12,5' is not a rate" in result.stderr
