"""`tollgate serve` and `tollgate writer`, where databases are run by others."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psutil
import pytest

from config.settings import DEFAULT_FOLDER
from deploy.local.own_api import OwnApi, OwnApiError
from tests.support.engine_checks import eventually
from tests.support.waiting import PATIENCE_S

ROOT = Path(__file__).parents[2]
ADMIN_TOKEN = "an operator's token"


@pytest.fixture
def variables(database_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    """An environment in which it can serve."""
    return {
        "PATH": os.environ["PATH"],
        "OPENAI_API_KEY": "sk-of-the-provider",
        "TOLLGATE_DATABASE_URL": database_url,
        "TOLLGATE_REDIS_URL": redis_url,
        "TOLLGATE_ADMIN_TOKEN": ADMIN_TOKEN,
        "TOLLGATE_KEY_SECRET": "a secret to hash keys with",
        "TOLLGATE_PORT": "0",
        "TOLLGATE_STATE_DIR": str(tmp_path / "state"),
        "TOLLGATE_WORKERS": "2",
    }


@contextmanager
def running(command: str, variables: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A command that is killed in the end, if the test has not stopped it."""
    with subprocess.Popen(
        [sys.executable, "-m", "proxy.cli", command],
        env=variables,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(stream: IO[str] | None, pattern: str) -> str:
    """The first group of the first line that matches."""
    assert stream is not None
    for line in stream:
        found = re.search(pattern, line)
        if found:
            return found[1]
    raise AssertionError(f"{pattern} was never said")


def test_workers_share_a_port_and_one_that_dies_is_started_again(
    variables: dict[str, str],
) -> None:
    """G5: kill -9 of each worker; the port stays open meanwhile."""
    with running("serve", variables) as process:
        api = OwnApi(read_until(process.stderr, r"^Listening on (\S+)$"))
        eventually(lambda: is_ready(api))
        parent = psutil.Process(process.pid)
        first = parent.children()
        assert len(first) == 2
        for worker in first:
            worker.send_signal(signal.SIGKILL)
        eventually(lambda: is_ready(api) and len(parent.children()) == 2)
        assert not set(first) & set(parent.children())
        assert api.expect("GET", "/admin/accounts", token=ADMIN_TOKEN)["data"] == []
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0


def test_the_writer_runs_by_itself_and_ends_when_asked(variables: dict[str, str]) -> None:
    """SIGTERM: exit 0."""
    with running("writer", variables) as process:
        read_until(process.stderr, r'"event":"(writing)"')
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0


def test_a_port_in_use_is_told_in_one_line(variables: dict[str, str]) -> None:
    """No traceback, and no worker that tries for ever."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running("serve", {**variables, "TOLLGATE_PORT": str(port)}) as process:
            _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert said.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{port}: the port is in use" in said


@pytest.mark.parametrize("command", ["serve", "writer"])
@pytest.mark.parametrize(
    "variable", ["TOLLGATE_DATABASE_URL", "TOLLGATE_KEY_SECRET", "OPENAI_API_KEY"]
)
def test_a_missing_variable_is_told_in_one_line(
    variables: dict[str, str], command: str, variable: str
) -> None:
    """The exit status says that to try again is no use."""
    del variables[variable]
    with running(command, variables) as process:
        _, said = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, said) == (
        os.EX_CONFIG,
        f"Error: environment: {variable}: must be set\n",
    )


@pytest.mark.parametrize("command", ["serve", "writer"])
def test_a_bad_rate_table_is_refused_with_file_key_and_reason(
    variables: dict[str, str], tmp_path: Path, command: str
) -> None:
    """G2: nothing is served at rates that nobody can read."""
    folder = tmp_path / "config"
    folder.mkdir()
    shutil.copy(DEFAULT_FOLDER / "tollgate.toml", folder)
    text = (DEFAULT_FOLDER / "rates.toml").read_text()
    (folder / "rates.toml").write_text(text.replace('"2.4"', '"cheap"'))
    with running(command, {**variables, "TOLLGATE_CONFIG_DIR": str(folder)}) as process:
        _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == os.EX_CONFIG
    assert said.count("\n") == 1
    assert f"{folder / 'rates.toml'}: models.\"gpt-4o-mini\".input: 'cheap' is not a rate" in said


def is_ready(api: OwnApi) -> bool:
    try:
        return api.call("GET", "/readyz").status == 200
    except OwnApiError:
        return False
