"""Where the engines of one machine keep their data, and as whom they run."""

import dataclasses
import os
import shutil
import stat
from pathlib import Path

import psutil
import pytest

from deploy.local.account import Account
from deploy.local.engine import EngineOptions
from deploy.local.errors import StateFolderError
from deploy.local.postgres import LocalPostgres
from deploy.local.programs import Programs, postgres_programs, valkey_programs
from deploy.local.state_folder import POINTER
from deploy.local.valkey import LocalValkey
from tests.support.engine_checks import StartEngine, answers, increment, owner
from tests.support.engines import processes_in, told_of


def test_a_state_folder_too_long_for_a_socket_gets_a_short_folder(
    engine_folder: Path, start_engine: StartEngine
) -> None:
    """A socket's path has at most 107 bytes; data may lie deeper, and oddly named."""
    state = engine_folder / ("long, 'quoted' & % name " * 3) / ("é" * 60)
    postgres, valkey = LocalPostgres(state), LocalValkey(state)
    start_engine(postgres)
    start_engine(valkey)
    assert answers(postgres)
    assert increment(valkey) == 1
    sockets = [postgres.folder.socket_folder, valkey.folder.socket_folder]
    assert all(stat.S_IMODE(socket.stat().st_mode) == 0o700 for socket in sockets)
    postgres.stop()
    valkey.stop()
    assert [socket for socket in sockets if socket.exists()] == []


@pytest.mark.parametrize("name", ["a 'b' % é?&", "comma, space"])
def test_an_odd_name_is_no_obstacle(
    engine_folder: Path, start_engine: StartEngine, name: str
) -> None:
    """Names are quoted where the engines and clients take them apart."""
    postgres, valkey = LocalPostgres(engine_folder / name), LocalValkey(engine_folder / name)
    start_engine(postgres)
    start_engine(valkey)
    assert answers(postgres)
    assert increment(valkey) == 1


def test_engines_run_without_privileges(engine_folder: Path) -> None:
    """As root, the engines' account is not root; the process that owns them may be either."""
    state = engine_folder / "state"
    with owner(state) as (_, said):
        engines = [psutil.Process(said[name]) for name in ("postgres", "valkey")]
        assert all(engine.uids().real != 0 for engine in engines)
        assert all(engine.gids().real != 0 for engine in engines)
        owned = [stat.S_IMODE((state / name).stat().st_mode) for name in ("postgres", "valkey")]
        assert owned == [0o700, 0o700]
        assert all(os.getsid(engine.pid) == engine.pid for engine in engines)


def test_an_unprivileged_owner_starts_and_finds_its_engines(engine_folder: Path) -> None:
    """No root is needed: everything lies in the state folder, which is the owner's own."""
    home = engine_folder / "home"
    home.mkdir(mode=0o700)
    unprivileged = Account.for_state(engine_folder)
    if unprivileged is not None:
        os.chown(home, unprivileged.user, unprivileged.group)
    for _ in range(2):
        with owner(home / "state", "--unprivileged") as (_, said):
            assert said["uid"] != 0
            found = processes_in(home)
            assert {said["postgres"], said["valkey"]} <= {process.pid for process in found}
            assert {*told_of(found, lambda one: one.uids().real)} == {said["uid"]}


def test_closed_folders_stay_closed(engine_folder: Path, start_engine: StartEngine) -> None:
    """Where the engines' account cannot reach state or programs, those go where it can."""
    closed = engine_folder / "closed"
    closed.mkdir(mode=0o700)
    state, fallback = closed / "state", engine_folder / "fallback"
    postgres = LocalPostgres(state, options=closed_options(postgres_programs(), closed, fallback))
    valkey = LocalValkey(state, closed_options(valkey_programs(), closed, fallback))
    for _ in range(2):
        start_engine(postgres)
        start_engine(valkey)
        assert answers(postgres)
        postgres.stop()
        valkey.stop()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    homes = {engine.folder.home.parent for engine in (postgres, valkey)}
    assert homes == {fallback if os.geteuid() == 0 else closed}


def closed_options(programs: Programs, closed: Path, fallback: Path) -> EngineOptions:
    """Use a copy of the programs that lies in a closed folder."""
    root = closed / "packages"
    for part in programs.parts:
        shutil.copytree(programs.root / part, root / part)
    moved = dataclasses.replace(programs, root=root)
    return EngineOptions(programs=moved, fallback_homes=(fallback,))


def test_a_pointer_to_data_that_are_gone_is_not_taken_for_a_first_start(
    engine_folder: Path,
) -> None:
    """An empty ledger in place of a lost one would be worse than no start."""
    (engine_folder / POINTER).write_text(f"{engine_folder / 'gone'}\n")
    with pytest.raises(StateFolderError, match="is gone"):
        LocalValkey(engine_folder).start()


def test_a_folder_that_others_can_enter_is_not_used_for_data(engine_folder: Path) -> None:
    """Whoever can enter the socket's folder is trusted, so nobody else may."""
    (engine_folder / "valkey").mkdir()
    (engine_folder / "valkey").chmod(0o755)
    with pytest.raises(StateFolderError, match="not a private folder"):
        LocalValkey(engine_folder).start()
