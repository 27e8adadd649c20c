"""The operating system's account that the engines run as."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from deploy.local.errors import StateFolderError

UNPRIVILEGED = "nobody"


@dataclass(frozen=True)
class Account:
    """An account other than our own, which we may become because we are root."""

    user: int
    group: int

    @classmethod
    def for_state(cls, state_dir: Path) -> Self | None:
        """Return the account to run engines as, or None for our own.

        PostgreSQL refuses to run as root. So root's engines run as the state folder's owner, who
        can use them afterwards without root; where that is root itself, as `nobody`.

        Raises StateFolderError if this machine has no account `nobody`.
        """
        if os.geteuid() != 0:
            return None
        owner = state_dir.stat()
        if owner.st_uid != 0:
            return cls(owner.st_uid, owner.st_gid)
        try:
            nobody = pwd.getpwnam(UNPRIVILEGED)
        except KeyError as error:
            message = f"PostgreSQL refuses to run as root, and there is no account {UNPRIVILEGED!r}"
            raise StateFolderError(message) from error
        return cls(nobody.pw_uid, nobody.pw_gid)

    def can_reach(self, folder: Path) -> bool:
        """Say whether this account may pass through all folders down to and into `folder`."""
        real = folder.resolve()
        return all(self._may(stat.S_IXOTH, step) for step in (real, *real.parents))

    def can_run(self, program: Path) -> bool:
        """Say whether this account may read and execute `program`."""
        return self.can_reach(program.parent) and self._may(stat.S_IROTH | stat.S_IXOTH, program)

    def _may(self, wanted: int, path: Path) -> bool:
        """Compare `wanted`, given as the permissions of "others", with those that apply to us."""
        found = path.stat()
        if found.st_uid == self.user:
            wanted <<= 6
        elif found.st_gid == self.group:
            wanted <<= 3
        return found.st_mode & wanted == wanted
