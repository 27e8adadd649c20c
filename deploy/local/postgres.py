"""The local PostgreSQL: `LocalPostgres(state_dir).start()`."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.engine import DEFAULT_OPTIONS, Engine, EngineOptions, Launch, story
from deploy.local.errors import EngineStartError
from deploy.local.postgres_server import (
    APPLICATION,
    DATABASE,
    PORT,
    SUPERUSER,
    PostgresServer,
)
from deploy.local.programs import Programs, postgres_programs
from deploy.local.state_folder import EngineFolder

SETTINGS: Mapping[str, str] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class LocalPostgres(Engine):
    """A PostgreSQL of one state folder, with the roles and the database of Tollgate.

    It listens on a socket only, and trusts whoever can enter the socket's folder: its own account,
    and root. `settings` are PostgreSQL's, over those in SETTINGS.
    """

    name = "postgres"
    socket_name = f".s.PGSQL.{PORT}"
    stop_signals = (signal.SIGINT, signal.SIGQUIT)

    def __init__(
        self,
        state_dir: Path,
        *,
        settings: Mapping[str, str] | None = None,
        options: EngineOptions = DEFAULT_OPTIONS,
    ) -> None:
        super().__init__(state_dir, options)
        self._settings = {**SETTINGS, **(settings or {})}

    @property
    def server(self) -> PostgresServer:
        """What can be asked of the engine while it runs."""
        return PostgresServer(self.folder.socket_folder)

    def url(self, database: str = DATABASE, user: str = APPLICATION) -> str:
        """Return the URL of a database, as asyncpg takes it."""
        return self.server.url(database, user)

    def create_database(self, name: str) -> None:
        """Make an empty database of the owner's; `name` is a plain lower-case identifier."""
        self.server.create_database(name)

    def _find_programs(self) -> Programs:
        return postgres_programs()

    def _make_ready_to_start(self, launch: Launch) -> None:
        data = _data(launch.folder)
        if not data.exists():
            self._make_data(launch)
        # The lock says that no process of an earlier run is left, whatever this file says: after
        # a restart of the machine the process that it names may be anybody's.
        (data / "postmaster.pid").unlink(missing_ok=True)

    def _make_data(self, launch: Launch) -> None:
        """Run initdb; the data get their name when they are whole, so that a half is redone."""
        folder = launch.folder
        unfinished = folder.path / "data.unfinished"
        if unfinished.exists():
            shutil.rmtree(unfinished)
        command = _initdb(launch.programs, unfinished, self._settings)
        initdb = self._spawn(launch, command, signal.SIGKILL)
        try:
            status = initdb.wait(self._options.start_timeout_s)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            initdb.kill()
            initdb.wait()
        if status != 0:
            raise EngineStartError(story(folder, f"could not be set up (initdb: {status})"))
        unfinished.rename(_data(folder))
        _sync(folder.path)

    def _command(self, launch: Launch) -> Sequence[str | Path]:
        folder = launch.folder
        settings = {
            **self._settings,
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": f'"{folder.socket_folder}"',
            "unix_socket_permissions": "0700",
        }
        flags = [f"--{name}={value}" for name, value in settings.items()]
        return [launch.programs.main_path, "-D", _data(folder), *flags]

    def _is_ready(self, folder: EngineFolder) -> bool:
        """Look at the status that the postmaster keeps in the last line of its file."""
        try:
            text = (_data(folder) / "postmaster.pid").read_text()
        except FileNotFoundError:
            return False
        return text.rstrip().endswith("ready")

    def _set_up(self, folder: EngineFolder) -> None:
        PostgresServer(folder.socket_folder).set_up()


def _data(folder: EngineFolder) -> Path:
    return folder.path / "data"


def _initdb(programs: Programs, data: Path, settings: Mapping[str, str]) -> Sequence[str | Path]:
    command: list[str | Path] = [programs.main_path.with_name("initdb"), "-D", data]
    command += [f"--username={SUPERUSER}", "--encoding=UTF8", "--locale=C"]
    command += ["--auth-local=trust", "--auth-host=reject", "--no-instructions"]
    return command if settings["fsync"] == "on" else [*command, "--no-sync"]


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
