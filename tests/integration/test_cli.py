"""The `tollgate` command: accounts, keys, grants, adjustments, migrations, rate tables."""

import asyncio
import json
import stat
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from config.settings import DEFAULT_FOLDER
from ledger.ids import new_id
from proxy.cli import main
from tests.support.people import open_desk

Run = Callable[..., Result]
SECRET = "a key secret for tests"


@pytest.fixture
def variables(database_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "TOLLGATE_CONFIG_DIR": str(DEFAULT_FOLDER),
        "TOLLGATE_STATE_DIR": str(tmp_path / "state"),
        "TOLLGATE_DATABASE_URL": database_url,
        "TOLLGATE_MIGRATION_DATABASE_URL": "",
        "TOLLGATE_REDIS_URL": redis_url,
        "TOLLGATE_KEY_SECRET": SECRET,
    }


@pytest.fixture
def run(variables: dict[str, str]) -> Run:
    """Runs a command; `code` is how it must end, `changed` what else is set or unset."""

    def run_it(*arguments: str, code: int = 0, changed: dict[str, str] | None = None) -> Result:
        result = CliRunner(env={**variables, **(changed or {})}).invoke(main, arguments)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return run_it


def account_of(run: Run, name: str = "Ada") -> str:
    account_id: str = json.loads(run("accounts", "create", name, "--json").stdout)["accountId"]
    return account_id


def test_from_an_account_to_a_key_with_credits(run: Run, database_url: str, redis_url: str) -> None:
    """What operators do by hand; Redis has it at once."""
    account_id = account_of(run)
    key = json.loads(run("keys", "create", account_id, "--name", "laptop", "--json").stdout)
    assert key["key"].startswith(key["prefix"])
    granted = run("grant", account_id, "100", "--description", "Welcome")
    assert "grant of 100.0 credits" in granted.stdout
    adjusted = run("adjust", account_id, "-0.5", "--description", "Correction")
    assert "balance 99.5" in adjusted.stdout

    async def in_redis() -> tuple[int, bool]:
        async with open_desk(database_url, redis_url) as desk:
            balance = await desk.working_copy.balance(account_id)
            active = await desk.working_copy.key_is_active(account_id, key["keyId"])
            return balance.balance_mc, active

    assert asyncio.run(in_redis()) == (99_500, True)
    run("keys", "revoke", key["keyId"])
    assert asyncio.run(in_redis()) == (99_500, False)


def test_people_read_short_lines_and_tables(run: Run) -> None:
    """Without `--json`."""
    created = run("accounts", "create", "Ada", "--email", "ada@example.com").stdout
    account_id = created.split()[1]
    assert "ada@example.com" in created
    shown = run("accounts", "show", account_id).stdout
    assert [line.split("  ")[0] for line in shown.splitlines()] == [
        *("Account", "Name", "E-mail", "Created", "Ledger balance"),
        *("Balance", "Held", "Available", "Not yet written"),
    ]
    key_lines = run("keys", "create", account_id).stdout
    key, key_id = key_lines.split()[1], key_lines.split()[4]
    listed = run("keys", "list", account_id).stdout
    assert key_id in listed
    assert key[:12] in listed
    assert key not in listed
    assert "Revoked" in run("keys", "revoke", key_id).stdout
    titles, *rows = run("accounts", "list").stdout.splitlines()
    assert titles.split() == ["ACCOUNT", "CREATED", "CREDITS", "NAME"]
    assert any(row.startswith(account_id) for row in rows)


def test_a_key_is_limited_and_its_limit_is_lifted(run: Run) -> None:
    """In credits; the list shows limit, spending and when a key was last used."""
    account_id = account_of(run)
    created = run("keys", "create", account_id, "--monthly-limit", "100").stdout
    key_id = created.split()[4]
    assert "Monthly limit  100.0" in created
    titles, row = run("keys", "list", account_id).stdout.splitlines()
    for title in ("LAST USED", "SPENT THIS MONTH", "MONTHLY LIMIT"):
        assert title in titles
    assert row.split()[-5:] == ["-", "-", "0.0", "100.0", "default"]
    assert ": 7.5; spent this month: 0.0" in run("keys", "limit", key_id, "7.5").stdout
    lifted = json.loads(run("keys", "limit", key_id, "none", "--json").stdout)
    assert lifted["monthlyLimitCredits"] is None
    for text in ("0", "-1", "all", "0.0001"):
        assert run("keys", "limit", "--", key_id, text, code=1).stderr
    assert "there is no key 7" in run("keys", "limit", "7", "5", code=1).stderr


def test_machines_read_the_shapes_of_the_api(run: Run) -> None:
    """With `--json`: one object on standard output."""
    account_id = account_of(run)
    shown = json.loads(run("accounts", "show", account_id, "--json").stdout)
    assert (shown["accountId"], shown["balanceMillicredits"]) == (account_id, "0")
    listed = json.loads(run("accounts", "list", "--limit", "1", "--json").stdout)
    assert listed["data"][0]["accountId"] == account_id
    entry = json.loads(run("grant", account_id, "1", "--description", "x", "--json").stdout)
    assert (entry["type"], entry["amountMillicredits"]) == ("grant", "1000")
    key = json.loads(run("keys", "create", account_id, "--json").stdout)
    keys = json.loads(run("keys", "list", account_id, "--json").stdout)["data"]
    assert [one["keyId"] for one in keys] == [key["keyId"]]
    revoked = json.loads(run("keys", "revoke", key["keyId"], "--json").stdout)
    assert revoked["revokedAt"]


def test_accounts_are_listed_on_by_cursor(run: Run) -> None:
    """As the page says at its end."""
    first, second = account_of(run), account_of(run)
    page = run("accounts", "list", "--limit", "1").stdout
    assert second in page
    assert first not in page
    cursor = page.split("--cursor ")[1].strip()
    assert first in run("accounts", "list", "--limit", "1", "--cursor", cursor).stdout
    assert "no cursor" in run("accounts", "list", "--cursor", "x", code=2).stderr


def test_an_idempotency_key_posts_once(run: Run) -> None:
    """A script may try again."""
    account_id = account_of(run)
    again = ("grant", account_id, "5", "--description", "Gift", "--idempotency-key", "gift-1")
    assert run(*again).stdout.startswith("Posted:")
    assert run(*again).stdout.startswith("Posted before:")
    other = run("grant", account_id, "6", *again[3:], code=1)
    assert "'gift-1' was used for another grant" in other.stderr


def test_a_grant_that_expires_its_correction_and_a_refund(run: Run) -> None:
    """What is posted says what it corrects, and when it leaves again."""
    account_id = account_of(run)
    why = ("--description", "Campaign")
    until = ("--expires-at", "2099-01-31T00:00:00Z")
    said = run("grant", account_id, "100", *why, *until).stdout
    assert "expires 2099-01-31 00:00:00Z" in said
    grant = json.loads(run("grant", account_id, "7", *why, *until, "--json").stdout)
    assert grant["expiresAt"] == "2099-01-31T00:00:00.000Z"
    corrects = ("--corrects", grant["id"], "--json")
    adjusted = json.loads(run("adjust", account_id, "-7", *why, *corrects).stdout)
    assert (adjusted["corrects"], adjusted["actor"]) == (grant["id"], "cli")
    over = run("adjust", account_id, "-1", *why, *corrects, code=1)
    assert "must be at most 0.0 credits in size" in over.stderr
    refund = json.loads(run("refund", account_id, "101", *why, "--json").stdout)
    assert (refund["type"], refund["balanceAfterMillicredits"]) == ("refund", "-1000")
    assert (
        "corrects must name a purchase"
        in run("refund", account_id, "1", *why, *corrects, code=1).stderr
    )
    assert "must be more than zero" in run("refund", account_id, "0", *why, code=2).stderr
    past = run("grant", account_id, "1", *why, "--expires-at", "2020-01-31", code=1)
    assert "expires_at must be in the future" in past.stderr
    assert (
        "--expires-at" in run("grant", account_id, "1", *why, "--expires-at", "soon", code=2).stderr
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("accounts", "create", " "), "name must not be empty"),
        (("accounts", "create", "Ada", "--email", "x"), "email must look like name@host"),
        (("accounts", "show", "7"), "there is no account 7"),
        (("keys", "create", "7"), "there is no account 7"),
        (("keys", "list", "7"), "there is no account 7"),
        (("keys", "revoke", "7"), "there is no key 7"),
        (("grant", "7", "1", "--description", "x"), "there is no account 7"),
        (("grant", "7", "1e3", "--description", "x"), "decimal number of credits"),
        (("grant", "7", "-1", "--description", "x"), "such option"),
        (("adjust", "7", "0", "--description", "x"), "must not be zero"),
        (("adjust", "7", "-99999999999999", "--description", "x"), "decimal number of credits"),
    ],
)
def test_what_cannot_be_done_is_one_line(run: Run, arguments: tuple[str, ...], said: str) -> None:
    """No traces: what, and why."""
    code = 2 if said == "such option" else 1
    result = run(*arguments, code=code)
    assert said in result.stderr
    assert "Traceback" not in result.output
    if code == 1:
        assert result.stderr.startswith("Error: ")
        assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"TOLLGATE_DATABASE_URL": ""}, "TOLLGATE_DATABASE_URL: is not set"),
        ({"TOLLGATE_KEY_SECRET": ""}, "TOLLGATE_KEY_SECRET: is not set"),
        ({"TOLLGATE_KEY_SECRET": "short"}, "TOLLGATE_KEY_SECRET: must have"),
        ({"TOLLGATE_REDIS_URL": ""}, "TOLLGATE_REDIS_URL: is not set"),
        ({"TOLLGATE_REDIS_URL": "nonsense"}, "TOLLGATE_REDIS_URL: "),
        ({"TOLLGATE_DATABASE_URL": "nonsense"}, "Postgres cannot be reached"),
        ({"TOLLGATE_DATABASE_URL": "postgresql://x@/y?host=/nonexistent"}, "Postgres cannot be"),
        ({"TOLLGATE_CONFIG_DIR": "/nonexistent"}, "no such file"),
    ],
)
def test_a_missing_engine_is_one_line(run: Run, changed: dict[str, str], said: str) -> None:
    """It names the variable, or the engine that is away."""
    result = run("keys", "create", new_id(), code=1, changed=changed)
    assert result.stderr.startswith("Error: ")
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_change_stands_though_redis_is_away_and_says_so(run: Run) -> None:
    """G10: the writer tells Redis later."""
    account_id = account_of(run)
    away = {"TOLLGATE_REDIS_URL": "unix:///nonexistent/valkey"}
    result = run("grant", account_id, "5", "--description", "Gift", "--json", changed=away)
    assert json.loads(result.stdout)["amountMillicredits"] == "5000"
    assert "the writer will tell it" in result.stderr
    shown = run("accounts", "show", account_id, "--json", changed=away)
    assert json.loads(shown.stdout)["ledgerBalanceMillicredits"] == "5000"
    assert json.loads(shown.stdout)["balanceMillicredits"] is None


ENGINES = ("TOLLGATE_DATABASE_URL", "TOLLGATE_REDIS_URL", "TOLLGATE_KEY_SECRET")


def write_local_file(variables: dict[str, str], content: str) -> Path:
    path = Path(variables["TOLLGATE_STATE_DIR"]) / "environment.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    return path


def test_the_running_local_stack_is_found(run: Run, variables: dict[str, str]) -> None:
    """Where nothing is set, `tollgate up` has left a file in the state folder."""
    write_local_file(variables, json.dumps({name: variables[name] for name in ENGINES}))
    unset = dict.fromkeys(ENGINES, "")
    created = run("accounts", "create", "Ada", "--json", changed=unset).stdout
    run("keys", "create", json.loads(created)["accountId"], changed=unset)


def test_the_local_stack_stands_aside_for_another_database(
    run: Run, variables: dict[str, str]
) -> None:
    """No command changes one database and tells another one's Redis."""
    local = {name: variables[name] for name in ENGINES}
    local["TOLLGATE_DATABASE_URL"] = "postgresql://x@/y?host=/nonexistent"
    write_local_file(variables, json.dumps(local))
    result = run("keys", "create", new_id(), code=1, changed={"TOLLGATE_REDIS_URL": ""})
    assert "TOLLGATE_REDIS_URL: is not set" in result.stderr


def test_a_broken_local_file_is_named(run: Run, variables: dict[str, str]) -> None:
    """One line, with the file."""
    path = write_local_file(variables, "{")
    result = run("accounts", "list", code=1)
    assert str(path) in result.stderr


def test_migrating_a_current_database_does_nothing(run: Run, migration_database_url: str) -> None:
    """Harmless to repeat."""
    owner = {"TOLLGATE_MIGRATION_DATABASE_URL": migration_database_url}
    assert "Nothing to do" in run("migrate", changed=owner).stdout


def test_a_good_rate_table_is_good_under_any_name(run: Run, tmp_path: Path) -> None:
    """A draft can be checked before it is used."""
    draft = tmp_path / "draft.toml"
    draft.write_bytes((DEFAULT_FOLDER / "rates.toml").read_bytes())
    assert f"{draft}: good, 2 models, version " in run("rates", "check", str(draft)).stdout


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('input = "2.4"', "input = 2.4", 'models."gpt-4o-mini".input: expected `str`'),
        ('input = "2.4"', 'input = "-1"', "'-1' is not a rate"),
        ('upstream = "openai"', 'upstream = "nobody"', "'nobody' is not an upstream"),
        ("[models", "[[[", "is not TOML"),
    ],
)
def test_a_bad_rate_table_is_refused_with_file_key_and_reason(
    run: Run, tmp_path: Path, old: str, new: str, said: str
) -> None:
    """Exit 1."""
    draft = tmp_path / "draft.toml"
    text = (DEFAULT_FOLDER / "rates.toml").read_text()
    assert old in text
    draft.write_text(text.replace(old, new))
    result = run("rates", "check", str(draft), code=1)
    assert result.stderr.startswith(f"Error: {draft}: ")
    assert said in result.stderr
    assert "no such file" in run("rates", "check", str(tmp_path / "none"), code=1).stderr


def test_every_command_and_option_says_what_it_is_for() -> None:
    """Good `--help`, for commands that are added later as well."""
    waiting: list[tuple[str, click.Command]] = [("tollgate", main)]
    silent: list[str] = []
    while waiting:
        name, command = waiting.pop()
        if not command.help:
            silent.append(name)
        options = [one for one in command.params if isinstance(one, click.Option)]
        silent += [f"{name} --{one.name}" for one in options if not one.help]
        if isinstance(command, click.Group):
            waiting += [(f"{name} {sub}", one) for sub, one in command.commands.items()]
    assert silent == []


def test_help_shows_the_commands(run: Run) -> None:
    """`tollgate --help` is where people begin."""
    shown = run("--help").stdout
    for command in ("accounts", "keys", "grant", "adjust", "migrate", "rates"):
        assert f"\n  {command} " in shown
