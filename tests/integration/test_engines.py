"""The engines of one machine, started, killed, found again and stopped."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import redis

from deploy.local.engine import Engine
from deploy.local.errors import EngineStartError, StateFolderInUseError
from deploy.local.postgres import LocalPostgres
from deploy.local.valkey import LocalValkey
from tests.support.engine_checks import (
    StartEngine,
    answers,
    eventually,
    increment,
    keep_a_row,
    kept_rows,
    kill,
    owner,
    query,
    wait_until_dead,
)
from tests.support.engines import processes_in
from tests.support.waiting import PATIENT


def test_a_later_start_finds_what_postgres_has_kept(
    engine_folder: Path, start_engine: StartEngine
) -> None:
    """G5: data survive an orderly stop; roles and database are made once."""
    postgres = LocalPostgres(engine_folder)
    start_engine(postgres)
    keep_a_row(postgres, column=1)
    postgres.stop()
    assert (postgres.is_alive(), postgres.pid) == (False, None)
    assert processes_in(engine_folder) == []

    postgres.start()
    assert kept_rows(postgres) == [(1,)]


def test_postgres_is_set_up_as_the_ledger_needs_it(
    engine_folder: Path, start_engine: StartEngine
) -> None:
    """G6: the application's role owns nothing and can grant itself nothing."""
    postgres = LocalPostgres(engine_folder)
    start_engine(postgres)
    postgres.create_database("another")
    role = query(
        postgres.url(),
        """select current_user::text, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls
        from pg_roles where rolname = current_user""",
    )
    owners = query(
        postgres.url("another"),
        """select datname::text, datdba::regrole::text, pg_encoding_to_char(encoding), datcollate
        from pg_database where not datistemplate order by 1""",
    )
    settings = query(
        postgres.url(),
        """select name, setting from pg_settings
        where name in ('fsync', 'listen_addresses', 'synchronous_commit') order by 1""",
    )
    assert role == [("tollgate_app", False, False, False, False)]
    assert owners == [
        ("another", "tollgate_owner", "UTF8", "C"),
        ("postgres", "postgres", "UTF8", "C"),
        ("tollgate", "tollgate_owner", "UTF8", "C"),
    ]
    assert settings == [("fsync", "on"), ("listen_addresses", ""), ("synchronous_commit", "on")]


def test_a_later_start_finds_what_valkey_has_kept(
    engine_folder: Path, start_engine: StartEngine
) -> None:
    """G5: Valkey keeps every write that it has acknowledged, and evicts nothing."""
    valkey = LocalValkey(engine_folder)
    start_engine(valkey)
    assert increment(valkey) == 1
    with redis.Redis.from_url(valkey.url, **PATIENT) as client:
        wanted = ("appendonly", "appendfsync", "save", "maxmemory-policy", "port")
        assert client.config_get(*wanted) == {
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "maxmemory-policy": "noeviction",
            "port": "0",
        }
    valkey.stop()
    assert processes_in(engine_folder) == []

    valkey.start()
    assert increment(valkey) == 2


def test_killed_engines_start_again_at_once_and_have_lost_nothing(
    engine_folder: Path, start_engine: StartEngine
) -> None:
    """G5: kill -9 of Postgres and of Valkey, whose processes are watched by us."""
    postgres, valkey = LocalPostgres(engine_folder), LocalValkey(engine_folder)
    start_engine(postgres)
    start_engine(valkey)
    keep_a_row(postgres, column=1)
    increment(valkey)
    for engine in (postgres, valkey):
        kill(engine.pid)
        wait_until_dead(engine)
        engine.start()
        assert engine.is_alive()
    assert kept_rows(postgres) == [(1,)]
    assert increment(valkey) == 2


def test_engines_do_not_outlive_a_killed_owner(
    engine_folder: Path, start_engine: StartEngine
) -> None:
    """G5: kill -9 of the process that started the engines; the next start need not wait."""
    state = engine_folder / "state"
    postgres, valkey = LocalPostgres(state), LocalValkey(state)
    with owner(state) as (process, _):
        keep_a_row(postgres, column=1)
        increment(valkey)
        process.kill()
        process.wait()
        start_engine(postgres)
        start_engine(valkey)
    assert kept_rows(postgres) == [(1,)]
    assert increment(valkey) == 2
    postgres.stop()
    valkey.stop()
    assert processes_in(engine_folder) == []


def test_everything_killed_at_once_is_recovered(
    engine_folder: Path, start_engine: StartEngine
) -> None:
    """G5: as after a power failure: the owner and all processes of the engines, by kill -9."""
    state = engine_folder / "state"
    postgres, valkey = LocalPostgres(state), LocalValkey(state)
    with owner(state) as (process, _):
        keep_a_row(postgres, column=1)
        increment(valkey)
        everything = processes_in(engine_folder)
        assert len(everything) > 2
        process.kill()
        for found in everything:
            with suppress(psutil.NoSuchProcess):  # it went with its owner
                found.kill()
        process.wait()
        start_engine(postgres)
        start_engine(valkey)
    assert kept_rows(postgres) == [(1,)]
    assert increment(valkey) == 2


def test_files_left_by_a_power_failure_do_not_stop_a_start(
    engine_folder: Path, start_engine: StartEngine
) -> None:
    """G5: the process that a stale postmaster.pid names may be anybody's by now."""
    postgres, valkey = LocalPostgres(engine_folder), LocalValkey(engine_folder)
    start_engine(postgres)
    start_engine(valkey)
    left = (engine_folder / "postgres" / "data" / "postmaster.pid").read_text()
    postgres.stop()
    valkey.stop()
    mine = left.replace(left.splitlines()[0], str(os.getpid()), 1)
    (engine_folder / "postgres" / "data" / "postmaster.pid").write_text(mine)
    postgres.folder.socket_path.touch()
    valkey.folder.socket_path.touch()

    postgres.start()
    valkey.start()
    assert postgres.is_alive()
    assert valkey.is_alive()


@pytest.mark.parametrize("engine_class", [LocalPostgres, LocalValkey])
def test_a_second_start_on_a_live_folder_is_refused(
    engine_folder: Path, start_engine: StartEngine, engine_class: type[Engine]
) -> None:
    """Two engines on the same data would lose some: the second says who is there."""
    first = engine_class(engine_folder)
    start_engine(first)
    for second in (engine_class(engine_folder), first):
        with pytest.raises(StateFolderInUseError, match=f"runs already in .*process {first.pid}"):
            second.start()
    assert first.is_alive()


def test_a_second_process_on_a_live_folder_is_refused(
    engine_folder: Path, start_engine: StartEngine
) -> None:
    """The lock is the machine's, not only the process's."""
    state = engine_folder / "state"
    first = LocalPostgres(state)
    start_engine(first)
    with owner(state) as (_, said):
        assert "StateFolderInUseError" in str(said["error"])
    assert answers(first)


def test_an_interrupted_first_start_is_done_again(
    engine_folder: Path, start_engine: StartEngine
) -> None:
    """G5: initdb killed half way leaves nothing that a later start takes for a database."""
    state = engine_folder / "state"
    unfinished = state / "postgres" / "data.unfinished"
    command = [sys.executable, "-m", "tests.support.engine_owner", str(state)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        eventually((unfinished / "PG_VERSION").exists)
        process.kill()
    assert unfinished.exists()
    assert not unfinished.with_name("data").exists()

    postgres = LocalPostgres(state)
    start_engine(postgres)
    assert answers(postgres)
    assert not unfinished.exists()


def test_an_engine_that_does_not_start_names_its_log(engine_folder: Path) -> None:
    """The engine's own words say more than ours."""
    postgres = LocalPostgres(engine_folder, settings={"no_such_setting": "1"})
    with pytest.raises(EngineStartError, match=r"(?s)postgres\.log.*no_such_setting"):
        postgres.start()
    assert postgres.pid is None


def test_engines_are_started_from_the_main_thread_only(engine_folder: Path) -> None:
    """An engine would be told that its owner died as soon as the thread ends."""
    with ThreadPoolExecutor(1) as apart:
        starting = apart.submit(LocalValkey(engine_folder).start)
        with pytest.raises(EngineStartError, match="main thread"):
            starting.result()
