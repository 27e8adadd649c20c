"""How commands that run for long end: 0 when asked to, else one line that says why."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import click

from config.errors import ConfigError
from deploy.local.errors import EngineError
from deploy.local.own_api import OwnApiError
from proxy.processes.listener import CannotListenError
from proxy.processes.stop_signals import StopRequested
from proxy.processes.supervisor import CannotStartError, NotReadyError


class BadConfigurationError(click.ClickException):
    """Shown as one line; the exit status tells a parent that to try again is no use."""

    exit_code = os.EX_CONFIG


@contextmanager
def explained_end() -> Iterator[None]:
    """Turns what ends such a command into an exit status and, where it is an error, a line."""
    try:
        yield
    except StopRequested:
        return
    except ConfigError as error:
        raise BadConfigurationError(str(error)) from error
    except CannotStartError as error:
        raise BadConfigurationError(f"{error} cannot start; it has said why above") from error
    except (CannotListenError, EngineError, NotReadyError, OwnApiError) as error:
        raise click.ClickException(str(error)) from error
