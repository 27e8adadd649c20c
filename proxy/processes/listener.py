"""The listening socket: bound once, by the parent, and inherited by all workers."""

import errno
import os
import socket
import time

BACKLOG = 1024
RETRY_S = 0.1


class CannotListenError(Exception):
    """The address cannot be listened on; says why and what to do."""


def listen(host: str, port: int, *, wait_s: float = 0) -> socket.socket:
    """A socket that listens; port 0 takes any free one. The caller closes it.

    A port in use is tried again for `wait_s`: the workers of a killed parent may still close it.

    Raises:
        CannotListenError: the port is in use, or there is no such address.
    """
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return _bind(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                reason = error.strerror or str(error)
                raise CannotListenError(f"cannot listen on {host}:{port}: {reason}") from error
            if time.monotonic() > deadline:
                raise CannotListenError(
                    f"cannot listen on {host}:{port}: the port is in use; "
                    "set TOLLGATE_PORT to another one, or to 0 for any"
                ) from error
        time.sleep(RETRY_S)


def port_of(listener: socket.socket) -> int:
    """The port that the socket has got."""
    return int(listener.getsockname()[1])


def local_url(host: str, port: int) -> str:
    """Where a client on this machine reaches a server that listens on `host`."""
    if host in ("", "0.0.0.0"):  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    elif host == "::":
        host = "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _bind(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener
