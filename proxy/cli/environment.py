"""Where commands find their engines: the environment, else what the local stack has written."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from config.errors import ConfigError
from config.settings import config_folder, load_settings

LOCAL_FILE = "environment.json"


def load_environment(variables: Mapping[str, str]) -> Mapping[str, str]:
    """The variables, with those that are missing out of the local stack's file.

    The file stands aside where it contradicts what is set: no command may change one database
    and tell another one's Redis.

    Raises:
        ConfigError: the settings or the file cannot be read.
    """
    settings = load_settings(config_folder(variables), variables)
    given = {name: value for name, value in variables.items() if value}
    local = _read_local(Path(settings.state_dir) / LOCAL_FILE)
    if any(given.get(name, value) != value for name, value in local.items()):
        return given
    return {**local, **given}


def required(environment: Mapping[str, str], variable: str) -> str:
    """The value of a variable.

    Raises:
        ConfigError: neither the environment nor a local stack says it.
    """
    value = environment.get(variable)
    if not value:
        reason = "is not set, and no `tollgate up` has been run in this folder"
        raise ConfigError("environment", variable, reason)
    return value


def _read_local(path: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(str(path), "", f"cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise ConfigError(str(path), "", f"is not what `tollgate up` writes: {error}") from error
