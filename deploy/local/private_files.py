"""Small files with secrets in the state folder: JSON, for our account only, whole or not there."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from deploy.local.account import Account
from deploy.local.errors import StateFolderError

# Root's engines run as another account, which passes through the folder to its own data.
_PASSABLE = 0o711
_CLOSED = 0o700


def make_state_folder(path: Path) -> Path:
    """Make the state folder where there is none; returns its absolute path.

    Nobody else can list it. One that is there already is left as it is.

    Raises:
        StateFolderError: it cannot be made.
    """
    path = path.absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=_CLOSED)
        if Account.for_state(path) is not None:
            path.chmod(_PASSABLE)
    except FileExistsError:
        if not path.is_dir():
            raise StateFolderError(f"the state folder {path} is not a folder") from None
    except OSError as error:
        raise StateFolderError(f"cannot make the state folder {path}: {error.strerror}") from error
    return path


def read_private(path: Path) -> dict[str, str]:
    """What was written last; nothing where nothing was.

    Raises:
        StateFolderError: it cannot be read, or is not what we write.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StateFolderError(f"cannot read {path}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise StateFolderError(f"{path} is damaged: {error}") from error


def write_private(path: Path, content: Mapping[str, str]) -> None:
    """Write the file anew, for good: after a power failure it is the old or the new one.

    Raises:
        StateFolderError: it cannot be written.
    """
    text = msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mode 600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StateFolderError(f"cannot write {path}: {error.strerror}") from error


@contextmanager
def removed_around(path: Path) -> Iterator[Path]:
    """The file is not there when this begins, and not when it ends."""
    path.unlink(missing_ok=True)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
