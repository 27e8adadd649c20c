"""The secrets of one machine: made at the first start, and kept."""

import secrets
from collections.abc import Mapping
from pathlib import Path

from deploy.local.private_files import read_private, write_private

MADE = ("TOLLGATE_ADMIN_TOKEN", "TOLLGATE_KEY_SECRET")
_BYTES = 32


class SecretsFile:
    """`secrets.json` of a state folder. Its methods raise StateFolderError."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "secrets.json"

    def read(self) -> dict[str, str]:
        """All that is kept, by name."""
        return read_private(self._path)

    def keep(self, **values: str) -> None:
        """Keep these values, too."""
        write_private(self._path, {**self.read(), **values})


def ensure_secrets(file: SecretsFile, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables with secrets of our own: as the environment has them, else as kept, else new.

    Raises:
        StateFolderError: the file cannot be read or written.
    """
    kept = file.read()
    made: dict[str, str] = {}
    for variable in MADE:
        value = environment.get(variable) or kept.get(variable)
        made[variable] = value or secrets.token_urlsafe(_BYTES)
        if not value:
            file.keep(**{variable: made[variable]})
    return made
