"""The pretend Stripe as a process of its own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import stripe

from tests.support.waiting import PATIENCE_S

COMMAND = [sys.executable, "-m", "deploy.local.pretend_stripe"]
KEY = "sk_test_of_the_tests"
OPTIONS = ["--api-key", KEY, "--webhook-secret", "whsec_x"]
ROOT = Path(__file__).parents[3]


@contextmanager
def running(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A pretend Stripe and its base URL."""
    process = subprocess.Popen(
        [*COMMAND, *OPTIONS, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    with process:
        try:
            told = re.search(r"http://\S+", process.stdout.readline())
            assert told is not None
            yield process, told.group()
        finally:
            process.kill()


def client(base_url: str) -> stripe.StripeClient:
    return stripe.StripeClient(KEY, base_addresses={"api": base_url}, max_network_retries=0)


def test_it_prints_where_it_listens_and_keeps_what_it_is_told(tmp_path: Path) -> None:
    """Pretend Stripe: data survive SIGTERM and kill -9 alike."""
    state = str(tmp_path / "stripe.jsonl")
    made = []
    for name in (signal.SIGTERM, signal.SIGKILL):
        with running("--state", state) as (process, base_url):
            made.append(client(base_url).v1.customers.create({}).id)
            process.send_signal(name)
            assert process.wait(timeout=PATIENCE_S) == (0 if name == signal.SIGTERM else -name)
            assert process.stderr is not None
            assert process.stderr.read() == ""
    with running("--state", state) as (_, base_url):
        assert [one.id for one in client(base_url).v1.customers.list().data] == made[::-1]
    assert Path(state).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--api-key", "sk_live_real", "--webhook-secret", "s"], "a real key has no place here"),
        (["--webhook-secret", "s"], "Missing option '--api-key'"),
        (["--api-key", KEY], "Missing option '--webhook-secret'"),
        ([*OPTIONS, "--state", "no/such/folder/state"], "cannot write no/such/folder/state"),
    ],
)
def test_it_says_what_is_wrong(options: list[str], said: str) -> None:
    """Pretend Stripe: it never runs with a real key."""
    kept = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        [*COMMAND, *options], cwd=ROOT, env=kept, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert said in done.stderr


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    """Pretend Stripe: it does not begin anew over somebody's data."""
    state = tmp_path / "stripe.jsonl"
    state.write_text("no json\n")
    done = subprocess.run(
        [*COMMAND, *OPTIONS, "--state", str(state)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "line 1, is damaged" in done.stderr
    assert state.read_text() == "no json\n"
