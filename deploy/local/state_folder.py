"""Where the engines of one state folder keep their data, logs, locks and sockets."""

import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from deploy.local.account import Account
from deploy.local.errors import StateFolderError

POINTER = "engines-are-in"
# Where root's engines live if their account cannot reach the state folder.
FALLBACK_HOMES = (Path("/var/lib/tollgate"), Path("/var/tmp/tollgate"))  # noqa: S108 - owner checked
# Where sockets live if the state folder's path is too long for them.
SHORT_FOLDER = Path("/tmp")  # noqa: S108 - owner checked
# Linux allows 107 bytes, macOS 103.
SOCKET_PATH_BYTES = 103


@dataclass(frozen=True)
class EngineFolder:
    """The places of one engine. `path` is its account's own; the rest of `home` is ours."""

    home: Path
    engine: str
    socket_name: str
    account: Account | None

    @classmethod
    def prepare(
        cls, state_dir: Path, engine: str, socket_name: str, fallbacks: Sequence[Path]
    ) -> Self:
        """Make the folders that are missing.

        Raises StateFolderError if one cannot be made, or belongs to somebody else.
        """
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
            account = Account.for_state(state_dir)
            home = _home(state_dir, account, fallbacks)
            folder = cls(home, engine, socket_name, account)
            _make_private(folder.path, account)
        except OSError as error:
            raise StateFolderError(f"cannot use the state folder {state_dir}: {error}") from error
        return folder

    @classmethod
    def find(cls, state_dir: Path, engine: str, socket_name: str) -> Self:
        """Say where the engine is, without making anything."""
        home = _pointed_to(state_dir) or state_dir
        return cls(home, engine, socket_name, None)

    @property
    def path(self) -> Path:
        """The engine's data; nobody but its account (and root) can look into it."""
        return self.home / self.engine

    @property
    def log_path(self) -> Path:
        """What the engine says."""
        return self.home / f"{self.engine}.log"

    @property
    def lock_path(self) -> Path:
        """Held by the engine's processes as long as one of them lives."""
        return self.home / f"{self.engine}.lock"

    @property
    def socket_folder(self) -> Path:
        """The engine's folder, or a short one if a socket's path in there would be no use.

        It may be too long; and PostgreSQL and its clients take it for a list, with commas between
        items and quotation marks around them.
        """
        path = str(self.path / self.socket_name)
        if len(os.fsencode(path)) <= SOCKET_PATH_BYTES and not {",", '"'} & set(path):
            return self.path
        return SHORT_FOLDER / f"tollgate-{_digest(self.path)}"

    @property
    def socket_path(self) -> Path:
        """The socket that the engine listens on."""
        return self.socket_folder / self.socket_name

    def make_socket_folder(self) -> None:
        """Make the socket's folder. Raises StateFolderError if it is somebody else's."""
        _make_private(self.socket_folder, self.account)

    def remove_socket(self) -> None:
        """Remove the socket and what lies beside it, and its folder if that was made for it."""
        self.socket_path.unlink(missing_ok=True)
        self.socket_path.with_name(f"{self.socket_name}.lock").unlink(missing_ok=True)
        if self.socket_folder != self.path and self.socket_folder.exists():
            self.socket_folder.rmdir()

    def open(self, path: Path) -> int:
        """Open a file of ours for appending, as the account's own. Returns the descriptor."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        if self.account is not None:
            os.fchown(descriptor, self.account.user, self.account.group)
        return descriptor


def _home(state_dir: Path, account: Account | None, fallbacks: Sequence[Path]) -> Path:
    """Return the state folder, or what stands in for it where `account` cannot reach it."""
    known = _pointed_to(state_dir)
    if known is not None:
        _require_ours(known)
        return known
    if account is None or account.can_reach(state_dir):
        return state_dir
    home = _make_fallback(account, fallbacks, _digest(state_dir.resolve()))
    unfinished = state_dir / f"{POINTER}.unfinished"
    unfinished.write_text(f"{home}\n")
    unfinished.rename(state_dir / POINTER)
    return home


def _pointed_to(state_dir: Path) -> Path | None:
    """Follow the pointer that an earlier start left, if any.

    It is obeyed only if it is ours: root must not make folders where another account says.
    """
    pointer = state_dir / POINTER
    if not pointer.exists():
        return None
    if pointer.lstat().st_uid != os.geteuid():
        raise StateFolderError(f"{pointer} belongs to another account")
    home = Path(pointer.read_text().strip())
    if not home.is_dir():
        message = f"{pointer} names {home}, which is gone; remove the state folder to begin anew"
        raise StateFolderError(message)
    return home


def _make_fallback(account: Account, fallbacks: Sequence[Path], name: str) -> Path:
    reasons = []
    for fallback in fallbacks:
        home = fallback / name
        try:
            for folder in (fallback, home):
                _make_passable(folder)
        except (OSError, StateFolderError) as error:
            reasons.append(str(error))
            continue
        if account.can_reach(home):
            return home
        reasons.append(f"the engines' account cannot reach {home}")
    raise StateFolderError("no folder for the engines: " + "; ".join(reasons))


def _make_passable(folder: Path) -> None:
    """Make a folder of ours that others may pass through, but neither list nor change."""
    try:
        folder.mkdir()
    except FileExistsError:
        _require_ours(folder)
    else:
        folder.chmod(0o711)


def _require_ours(folder: Path) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise StateFolderError(f"{folder} belongs to, or can be changed by, another account")


def _make_private(folder: Path, account: Account | None) -> None:
    """Make a folder that only the engine's account can enter."""
    owner = os.geteuid() if account is None else account.user
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
            message = f"{folder} is not a private folder of the engines' account (uid {owner})"
            raise StateFolderError(message) from None
    else:
        if account is not None:
            os.chown(folder, account.user, account.group, follow_symlinks=False)


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
