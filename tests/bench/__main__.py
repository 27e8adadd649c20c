"""`make bench`: CPU time of the proxy process for each metered call, everything else real.

The provider is a fixed answer, so that the machine's time goes to the proxy. Figures of a shared
machine are noisy: compare medians and ratios of one run.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

ROUNDS = 3
WAIT_S = 60


@contextmanager
def running_provider() -> Iterator[str]:
    """The fixed provider; its base URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.upstream"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        finally:
            process.terminate()


@contextmanager
def running_tollgate(provider_url: str) -> Iterator[tuple[psutil.Process, dict[str, str]]]:
    """A stack with one worker: that worker's process, and what dev.json says."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "TOLLGATE_STATE_DIR": folder,
            "TOLLGATE_PORT": "0",
            "TOLLGATE_WORKERS": "1",
            "OPENAI_BASE_URL": provider_url,
            "OPENAI_API_KEY": "sk-bench",
        }
        with (
            (Path(folder) / "up.log").open("wb") as log,
            subprocess.Popen(
                [sys.executable, "-m", "proxy.cli", "up"], env=environment, stdout=log, stderr=log
            ) as process,
        ):
            try:
                told = _wait_for(Path(folder) / "dev.json", process)
                yield _worker_of(process.pid), told
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(30)


def measure(worker: psutil.Process, told: dict[str, str], *options: str) -> dict[str, float]:
    """Medians over some rounds."""
    rounds = []
    calls = int(options[options.index("--calls") + 1])
    for _ in range(ROUNDS):
        before = worker.cpu_times()
        output = subprocess.run(
            [sys.executable, "-m", "tests.bench.load", told["base_url"], told["api_key"], *options],
            check=True,
            capture_output=True,
        ).stdout
        after = worker.cpu_times()
        used_s = after.user - before.user + after.system - before.system
        rounds.append({**json.loads(output), "cpu_us": used_s / calls * 1_000_000})
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def main() -> None:
    """Prints a line for each way of calling."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=4000)
    calls = parser.parse_args().calls
    with running_provider() as provider_url, running_tollgate(provider_url) as (worker, told):
        _grant(told)
        measure(worker, told, "--calls", "500", "--at-once", "32")
        print(f"{'':24}{'CPU µs/call':>12}{'calls/s':>9}{'p50 ms':>9}{'p99 ms':>9}")  # noqa: T201
        for name, share, options in (
            ("JSON, 1 at once", 4, ("--at-once", "1")),
            ("JSON, 32 at once", 1, ("--at-once", "32")),
            ("JSON, 64 at once", 1, ("--at-once", "64")),
            ("50 chunks, 32 at once", 4, ("--at-once", "32", "--stream")),
        ):
            one = measure(worker, told, "--calls", str(calls // share), *options)
            print(  # noqa: T201
                f"{name:24}{one['cpu_us']:12.0f}{one['per_s']:9.0f}"
                f"{one['p50_ms']:9.1f}{one['p99_ms']:9.1f}"
            )


def _grant(told: dict[str, str]) -> None:
    body = {"credits": "100000000", "description": "For the bench", "idempotencyKey": "bench"}
    request = urllib.request.Request(
        told["base_url"].removesuffix("/v1") + f"/admin/accounts/{told['account_id']}/grants",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {told['admin_token']}", "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request).close()


def _wait_for(path: Path, process: subprocess.Popen[bytes]) -> dict[str, str]:
    end_s = time.monotonic() + WAIT_S
    while not path.exists():
        if process.poll() is not None or time.monotonic() > end_s:
            sys.exit(f"tollgate did not start: {(path.parent / 'up.log').read_text()[-2000:]}")
        time.sleep(0.1)
    told: dict[str, Any] = json.loads(path.read_text())
    return told


def _worker_of(pid: int) -> psutil.Process:
    for child in psutil.Process(pid).children(recursive=True):
        if "serve-worker" in child.cmdline():
            return child
    sys.exit("no worker is running")


main()
