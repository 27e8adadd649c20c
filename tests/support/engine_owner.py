"""A process that owns the engines of a state folder: `python -m tests.support.engine_owner`.

It prints one line of JSON, `{"postgres": pid, "valkey": pid, "uid": …}` or `{"error": …}`, and
stops the engines when its input ends. With `--unprivileged`, root becomes `nobody` first.
"""

import argparse
import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path

from deploy.local.account import Account
from deploy.local.engine import Engine, EngineOptions
from deploy.local.errors import EngineError
from deploy.local.postgres import LocalPostgres
from deploy.local.programs import postgres_programs, valkey_programs
from deploy.local.valkey import LocalValkey


def main() -> None:
    """Own the engines until the input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("state", type=Path)
    parser.add_argument("--unprivileged", action="store_true")
    asked = parser.parse_args()
    programs = [postgres_programs(), valkey_programs()]
    account = Account.for_state(Path("/")) if asked.unprivileged else None
    if account is not None:
        store = asked.state.parent / "programs"
        programs = [found.readable_by(account, store) for found in programs]
        _become(account)
    postgres, valkey = (EngineOptions(programs=found) for found in programs)
    engines: list[Engine] = [
        LocalPostgres(asked.state, options=postgres),
        LocalValkey(asked.state, options=valkey),
    ]
    with ExitStack() as running:
        try:
            for engine in engines:
                engine.start()
                running.callback(engine.stop)
        except EngineError as error:
            _say({"error": f"{type(error).__name__}: {error}"})
            return
        _say({"postgres": engines[0].pid, "valkey": engines[1].pid, "uid": os.geteuid()})
        sys.stdin.read()


def _become(account: Account) -> None:
    os.setgroups([])
    os.setgid(account.group)
    os.setuid(account.user)


def _say(what: dict[str, int | str | None]) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
