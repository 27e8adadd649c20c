"""`tollgate export`: the books in files that are whole or not there."""

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet
import pytest
from click.testing import CliRunner, Result

from config.settings import DEFAULT_FOLDER
from ledger.exports.formats import FORMATS
from proxy.cli import main
from tests.bench.seeded_books import SeededAccount
from tests.support.seeded import seeded_books

Run = Callable[..., Result]
ROWS = 60_000

_WITH_PEAK = """
import re, sys
from pathlib import Path
from proxy.cli import main
main(standalone_mode=False)
status = Path("/proc/self/status").read_text()
sys.stderr.write(re.search(r"VmHWM:\\s+([0-9]+) kB", status)[1])
"""


@pytest.fixture(scope="module")
def accounts(database_url: str, migration_database_url: str) -> list[SeededAccount]:
    return seeded_books(database_url, migration_database_url, rows=ROWS)


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "TOLLGATE_CONFIG_DIR": str(DEFAULT_FOLDER),
        "TOLLGATE_STATE_DIR": str(tmp_path / "state"),
        "TOLLGATE_DATABASE_URL": database_url,
    }


@pytest.fixture
def run(environment: dict[str, str], accounts: list[SeededAccount]) -> Run:
    """Runs a command; `code` is how it must end."""

    def run_it(*arguments: str, code: int = 0) -> Result:
        result = CliRunner(env=environment).invoke(main, arguments)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return run_it


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_usage_goes_to_standard_output_oldest_first(run: Run) -> None:
    """As CSV where nothing else is asked for."""
    rows = rows_of(run("export", "usage").stdout_bytes.decode())
    assert len(rows) == ROWS
    times = [row["posted_at"] for row in rows]
    assert times == sorted(times)


def test_the_formats_have_the_same_rows_in_the_same_order(run: Run, tmp_path: Path) -> None:
    """Whatever the batches and row groups."""
    name = {"csv": "request_id", "jsonl": "requestId", "parquet": "request_id"}
    ids = {}
    for form in FORMATS:
        path = tmp_path / f"usage.{form}"
        run("export", "usage", "--format", form, "--output", str(path))
        if form == "csv":
            ids[form] = [row[name[form]] for row in rows_of(path.read_bytes().decode())]
        elif form == "jsonl":
            ids[form] = [json.loads(line)[name[form]] for line in path.open()]
        else:
            file = pyarrow.parquet.ParquetFile(path)
            ids[form] = file.read(columns=[name[form]]).column(0).to_pylist()
            assert file.num_row_groups > 1
    assert ids["csv"] == ids["jsonl"] == ids["parquet"]
    assert len(set(ids["csv"])) == ROWS


def test_a_ledger_of_one_account_and_a_month_is_a_part_of_all(
    run: Run, accounts: list[SeededAccount]
) -> None:
    """`--account`, `--from` and `--to`."""
    one = str(accounts[0].account_id)
    part = ("--account", one, "--from", "2026-08-01", "--to", "2026-09-01")
    some = rows_of(run("export", "ledger", *part).stdout_bytes.decode())
    whole = rows_of(run("export", "ledger").stdout_bytes.decode())
    expected = [row for row in whole if row["account_id"] == one and row["created_at"] >= "2026-08"]
    assert some == expected
    assert some


def test_a_file_can_be_gzipped(run: Run, tmp_path: Path) -> None:
    """The same bytes, every time."""
    path = tmp_path / "ledger.csv.gz"
    run("export", "ledger", "--gzip", "--output", str(path))
    packed = path.read_bytes()
    assert gzip.decompress(packed) == run("export", "ledger").stdout_bytes
    run("export", "ledger", "--gzip", "--output", str(path))
    assert path.read_bytes() == packed


def test_an_export_that_fails_leaves_no_file_and_not_a_changed_one(
    run: Run, tmp_path: Path
) -> None:
    """What is there under a name is whole: that of the last time, or none."""
    path = tmp_path / "usage.csv"
    nobody = ("--account", "01936f00-0000-7000-8000-000000000001")
    for before in (None, "what was there"):
        if before is not None:
            path.write_text(before)
        failed = run("export", "usage", *nobody, "--output", str(path), code=1)
        assert "there is no account" in failed.stderr
        assert (path.read_text() if path.exists() else None) == before
        assert [one.name for one in tmp_path.iterdir()] == ([] if before is None else [path.name])


def test_a_dash_is_standard_output(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As everywhere; never a file of that name."""
    monkeypatch.chdir(tmp_path)
    whole = run("export", "ledger").stdout_bytes
    assert run("export", "ledger", "--output", "-").stdout_bytes == whole
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_is_written_to_and_a_link_stays_a_link(run: Run, tmp_path: Path) -> None:
    """Only files are replaced: never /dev/null, never who reads on the other side."""
    whole = run("export", "ledger").stdout_bytes
    pipe, link, target = tmp_path / "pipe", tmp_path / "link", tmp_path / "target"
    os.mkfifo(pipe)
    read = tmp_path / "read"
    with read.open("wb") as file, subprocess.Popen(["cat", str(pipe)], stdout=file) as reader:
        run("export", "ledger", "--output", str(pipe))
        assert reader.wait() == 0
    assert read.read_bytes() == whole
    assert pipe.is_fifo()
    link.symlink_to(target)
    run("export", "ledger", "--output", str(link))
    assert link.is_symlink()
    assert target.read_bytes() == whole


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_full_disk_is_said_in_one_line(
    environment: dict[str, str], accounts: list[SeededAccount], tmp_path: Path, form: str
) -> None:
    """Nothing under the file's name, no traceback."""
    # Under the limit Python would cut the bytecode that it caches, for every later process.
    without_caches = environment | {"PYTHONDONTWRITEBYTECODE": "1"}
    path = tmp_path / "usage"
    export = [sys.executable, "-m", "proxy.cli", "export", "usage", "--format", form]
    to_file = ["sh", "-c", 'ulimit -f 100; exec "$@"', "sh", *export, "--output", str(path)]
    to_pipe = ["sh", "-c", 'exec "$@" >/dev/full', "sh", *export]
    for arguments, name in ((to_file, str(path)), (to_pipe, "standard output")):
        ended = subprocess.run(
            arguments, env=without_caches, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 1
        assert ended.stderr.startswith(f"Error: {name} cannot be written: ")
        assert ended.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_is_killed_leaves_nothing_under_the_files_name(
    environment: dict[str, str], accounts: list[SeededAccount], tmp_path: Path
) -> None:
    """Not even where nobody could clean up."""
    path = tmp_path / "usage.jsonl"
    script = (
        "import os\n"
        "from proxy.cli import main\n"
        "from ledger.exports import jsonl_format\n"
        "jsonl_format.JsonlWriter.tail = lambda self: os.kill(os.getpid(), 9)\n"
        "main()\n"
    )
    arguments = ["export", "usage", "--format", "jsonl", "--output", str(path)]
    ended = subprocess.run([sys.executable, "-c", script, *arguments], env=environment, check=False)
    assert ended.returncode == -9
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("usage", "--from", "yesterday"), "2026-01-31"),
        (("usage", "--from", "2026-02-01", "--to", "2026-01-01"), "the period would be empty"),
        (("usage", "--format", "xlsx"), "'csv', 'jsonl', 'parquet'"),
        (("usage", "--format", "parquet", "--gzip"), "compressed already"),
        (("ledger", "--output", "/dev/null/all.csv"), "cannot be written"),
        (("journal", "--format", "csv"), "No such option"),
    ],
)
def test_what_is_wrong_is_said_with_what_would_be_right(
    environment: dict[str, str], arguments: tuple[str, ...], said: str
) -> None:
    """Before anything is written."""
    result = CliRunner(env=environment).invoke(main, ["export", *arguments])
    assert result.exit_code != 0
    assert said in result.output
    assert result.stdout == ""


@pytest.mark.parametrize("what", ["usage", "ledger"])
@pytest.mark.parametrize("form", list(FORMATS))
def test_an_export_takes_less_than_150_mb_however_long_it_is(
    environment: dict[str, str],
    accounts: list[SeededAccount],
    tmp_path: Path,
    what: str,
    form: str,
) -> None:
    """Rows pass through; a file is never in memory."""
    path = tmp_path / "file"
    arguments = ["export", what, "--format", form, "--output", str(path)]
    ended = subprocess.run(
        [sys.executable, "-c", _WITH_PEAK, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(ended.stderr) < 150_000
    assert path.stat().st_size > 500_000
