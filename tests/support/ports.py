"""Ports that nobody else can take between their choice and their use."""

import socket

from aiohttp import web
from aiohttp.test_utils import TestServer


class OwnPort:
    """A port of this machine, any free one by default, that is ours from now on.

    Until it is served, it refuses callers.
    """

    def __init__(self, number: int = 0) -> None:
        self._socket = socket.socket()
        # So that somebody whom we tell of it can listen there while we keep it from all others.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", number))

    @property
    def number(self) -> int:
        """Which port it is."""
        return int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        """Where the server will be."""
        return f"http://127.0.0.1:{self.number}"

    def server(self, app: web.Application) -> TestServer:
        """A server, to be started, that has the port and closes it in the end."""
        return TestServer(app, socket_factory=lambda *_: self._socket)

    def close(self) -> None:
        """Give it away, where nothing was served."""
        self._socket.close()
