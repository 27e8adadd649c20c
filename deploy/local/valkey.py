"""The local Valkey: `LocalValkey(state_dir).start()`."""

import signal
import socket
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from deploy.local.engine import Engine, Launch
from deploy.local.programs import Programs, valkey_programs
from deploy.local.state_folder import EngineFolder

PING_TIMEOUT_S = 1


class LocalValkey(Engine):
    """A Valkey of one state folder, which keeps every write that it has acknowledged."""

    name = "valkey"
    socket_name = "valkey.sock"
    stop_signals = (signal.SIGTERM,)

    @property
    def url(self) -> str:
        """The URL of the engine, as redis-py takes it."""
        return f"unix://{quote(str(self.folder.socket_path))}"

    def _find_programs(self) -> Programs:
        return valkey_programs()

    def _make_ready_to_start(self, launch: Launch) -> None:
        """Nothing: Valkey makes its files itself."""

    def _command(self, launch: Launch) -> Sequence[str | Path]:
        folder = launch.folder
        command: list[str | Path] = [launch.programs.main_path]
        command += ["--dir", folder.path, "--port", "0"]
        command += ["--unixsocket", folder.socket_path, "--unixsocketperm", "700"]
        command += ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        command += ["--maxmemory-policy", "noeviction", "--logfile", ""]
        return command

    def _is_ready(self, folder: EngineFolder) -> bool:
        """Ask: while it still reads its file, Valkey answers that it is loading."""
        with closing(socket.socket(socket.AF_UNIX)) as connection:
            connection.settimeout(PING_TIMEOUT_S)
            try:
                connection.connect(str(folder.socket_path))
                connection.sendall(b"PING\r\n")
                return connection.recv(64) == b"+PONG\r\n"
            except OSError:
                return False

    def _set_up(self, folder: EngineFolder) -> None:
        """Nothing: an empty Valkey is complete."""
