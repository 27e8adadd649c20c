"""`tollgate up`, as a newcomer meets it."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from deploy.local.own_api import OwnApi, OwnApiError
from deploy.local.postgres_server import OWNER, PostgresServer
from tests.support.engine_checks import eventually
from tests.support.engines import processes_in, reachable_folder, told_of
from tests.support.ports import OwnPort
from tests.support.up import Up, environment, running_up

WELCOME_MC = 10_000_000


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder that must hold no process any more when the test is over."""
    with reachable_folder() as folder:
        yield folder / "state"
        eventually(lambda: processes_in(folder) == [])


def test_what_is_printed_works_as_printed(state: Path) -> None:
    """The curl line and the SDK snippet are pasted and run; they cost credits."""
    with running_up(state) as up:
        curl = next(line for line in up.printed.splitlines() if line.startswith("curl "))
        answer = json.loads(subprocess.check_output(curl, shell=True, text=True))
        assert "pretend" in answer["choices"][0]["message"]["content"]
        after_one_call_mc = up.balance_mc()
        assert 0 < after_one_call_mc < WELCOME_MC

        snippet = up.printed[up.printed.index("from openai") :].partition("\n\n")[0]
        said = subprocess.check_output([sys.executable, "-P", "-c", snippet], text=True, cwd="/")
        assert "pretend" in said
        assert "'balanceMillicredits'" in said
        assert 0 < up.balance_mc() < after_one_call_mc


def test_what_is_printed_is_what_dev_json_says(state: Path) -> None:
    """Programs find the same as people, and nobody else can read it."""
    with running_up(state) as up:
        dev = up.dev
        for name in ("base_url", "api_key", "console_url"):
            assert dev[name] in up.printed
        assert "10,000 credits" in up.printed
        assert "OPENAI_API_KEY is not set" in up.printed
        assert "STRIPE_SECRET_KEY is not set" in up.printed
        assert sorted(dev) == [
            "account_id",
            "admin_token",
            "api_key",
            "base_url",
            "console_url",
            "database_url",
            "redis_url",
            "stripe_api_base",
            "stripe_api_key",
        ]
        for name in ("dev.json", "secrets.json", "environment.json"):
            assert stat.S_IMODE((state / name).stat().st_mode) == 0o600
        accounts = up.api.expect("GET", "/admin/accounts", token=dev["admin_token"])["data"]
        assert [account["accountId"] for account in accounts] == [dev["account_id"]]
        assert up.stop() == 0
    assert not (state / "dev.json").exists()


def test_ctrl_c_leaves_no_process_and_the_next_start_finds_the_same_balance(state: Path) -> None:
    """G5: data survive a restart; the welcome credits are granted once."""
    with running_up(state, TOLLGATE_WORKERS="2") as up:
        call(up)
        balance_mc, key = up.balance_mc(), up.dev["api_key"]
        assert balance_mc < WELCOME_MC
        assert len(up.family) > 5
        assert up.stop() == 0
        assert up.has_left_nothing()
    with running_up(state) as up:
        assert (up.balance_mc(), up.dev["api_key"]) == (balance_mc, key)
        ledger = up.api.expect("GET", "/v1/credits/ledger", token=key)["data"]
        grants = [entry["description"] for entry in ledger if entry["type"] == "grant"]
        assert grants == ["Welcome credits"]


def test_nothing_outlives_a_killed_parent_and_the_next_start_serves(state: Path) -> None:
    """G5: kill -9 of the parent."""
    with running_up(state) as up:
        call(up)
        balance_mc = up.balance_mc()
        up.process.kill()
        eventually(up.has_left_nothing)
    with running_up(state) as up:
        assert up.balance_mc() == balance_mc


def test_killed_parts_are_started_again(state: Path) -> None:
    """G5: kill -9 of every worker, the writer, what is pretended and the engines' processes."""
    with running_up(state) as up:
        call(up)
        killed = psutil.Process(up.process.pid).children()
        assert len(killed) == 6
        for process in killed:
            process.send_signal(signal.SIGKILL)
        eventually(lambda: is_served(up))
        eventually(lambda: len(are_others(up, killed)) == 6)
        assert up.stop() == 0


def test_the_pretend_stripe_keeps_its_data_and_its_address(state: Path) -> None:
    """Pretend Stripe: yesterday's payments and receipts are there today."""
    with running_up(state) as up:
        made = (up.dev["stripe_api_base"], up.dev["stripe_api_key"])
        stripe = OwnApi(up.dev["stripe_api_base"])
        kept = stripe.expect("POST", "/v1/customers", token=up.dev["stripe_api_key"])["id"]
    # Meanwhile nobody else gets the port, as any client on this machine may.
    with closing(OwnPort(int(made[0].rpartition(":")[2]))), running_up(state) as up:
        assert (up.dev["stripe_api_base"], up.dev["stripe_api_key"]) == made
        found = stripe.expect("GET", "/v1/customers", token=up.dev["stripe_api_key"])["data"]
        assert [one["id"] for one in found] == [kept]


def test_the_pretend_stripe_never_runs_beside_a_real_key(state: Path) -> None:
    """Pretend Stripe: with a key it is Stripe that sells."""
    with running_up(state, STRIPE_SECRET_KEY="sk_test_of_an_operator") as up:
        assert "Stripe, in test mode; its webhooks are off" in up.printed
        assert "sk_test_of_an_operator" not in up.printed
        assert "stripe_api_base" not in up.dev
        commands = told_of(up.family, lambda one: " ".join(one.cmdline()))
        assert not [command for command in commands if "pretend_stripe" in command]
    assert "sk_test_of_an_operator" not in (state / "environment.json").read_text()


def test_a_second_start_on_the_same_folder_is_refused(state: Path) -> None:
    """The first one is not disturbed; one line says who is there."""
    with running_up(state) as first:
        dev = first.dev
        second = subprocess.run(
            [sys.executable, "-m", "proxy.cli", "up"],
            env=environment(state),
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 1
        assert second.stderr.count("\n") == 1
        assert f"Tollgate runs already in {state} (process {first.process.pid})" in second.stderr
        assert first.dev == dev
        call(first)


def test_a_revoked_key_is_replaced_at_the_next_start(state: Path) -> None:
    """What is printed works, whatever happened before."""
    with running_up(state) as up:
        key, account, token = up.dev["api_key"], up.dev["account_id"], up.dev["admin_token"]
        [found] = up.api.expect("GET", f"/admin/accounts/{account}/keys", token=token)["data"]
        up.api.expect("DELETE", f"/admin/keys/{found['keyId']}", token=token)
    with running_up(state) as up:
        assert up.dev["account_id"] == account
        assert up.dev["api_key"] != key
        call(up)


def test_engines_of_ones_own_take_the_place_of_local_ones(
    state: Path, postgres_server: PostgresServer, database_name: str, redis_url: str
) -> None:
    """Where the environment names databases, none is started here."""
    variables = {
        "TOLLGATE_DATABASE_URL": postgres_server.url(database_name),
        "TOLLGATE_MIGRATION_DATABASE_URL": postgres_server.url(database_name, OWNER),
        "TOLLGATE_REDIS_URL": redis_url,
        "TOLLGATE_ADMIN_TOKEN": "an operator's token",
    }
    with running_up(state, **variables) as up:
        call(up)
        assert up.dev["database_url"] == variables["TOLLGATE_DATABASE_URL"]
        assert up.dev["admin_token"] == variables["TOLLGATE_ADMIN_TOKEN"]
        assert len(up.family) == 4
    assert variables["TOLLGATE_ADMIN_TOKEN"] not in (state / "secrets.json").read_text()
    assert not (state / "postgres").exists()


@pytest.mark.parametrize(
    ("variables", "status", "complaint"),
    [
        ({"TOLLGATE_PORT": "seventy"}, os.EX_CONFIG, "TOLLGATE_PORT"),
        ({"TOLLGATE_CONFIG_DIR": "/nowhere"}, os.EX_CONFIG, "/nowhere/tollgate.toml: no such file"),
        ({"TOLLGATE_HOST": "203.0.113.1"}, 1, "cannot listen on 203.0.113.1:0"),
        ({"TOLLGATE_ADMIN_TOKEN": "short"}, os.EX_CONFIG, "at least 16 characters"),
    ],
)
def test_what_cannot_run_is_told_in_one_line(
    state: Path, variables: dict[str, str], status: int, complaint: str
) -> None:
    """No traceback, and no engine is left behind."""
    up = Up(state, **variables)
    assert up.end() == status
    assert complaint in up.said
    assert "Traceback" not in up.said
    assert up.said.count("\n") == 1
    assert up.printed == ""


def call(up: Up) -> None:
    """Make a metered call with the printed key."""
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
    up.api.expect("POST", "/v1/chat/completions", token=up.dev["api_key"], body=body)


def are_others(up: Up, killed: list[psutil.Process]) -> set[psutil.Process]:
    """The processes that took the place of others."""
    return {*psutil.Process(up.process.pid).children()} - {*killed}


def is_served(up: Up) -> bool:
    """Whether a call is answered, by a stack of which parts may be away."""
    try:
        call(up)
    except OwnApiError:
        return False
    return True
