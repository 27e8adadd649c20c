"""All that the pretend Stripe knows, in memory and in a file.

Each change, as a whole, is one line, which is written before its request is answered. A last line
that a kill has cut is left out.
"""

import copy
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

Json: TypeAlias = dict[str, Any]
_Record: TypeAlias = tuple[str, str, Json]
_LINE = msgspec.json.Decoder(list[tuple[str, str, Json]])


class StateFileError(Exception):
    """The state file cannot be read or written, or is none of ours; says which and why."""


class Store:
    """Records by kind and id, in the order in which they were made. Without a path: no file."""

    def __init__(self, path: Path | None = None) -> None:
        """Read the file, and write it anew without what has been replaced.

        Raises:
            StateFileError: that is not possible.
        """
        self._records: dict[str, dict[str, Json]] = {}
        self._changed: dict[tuple[str, str], Json] = {}
        self._descriptor: int | None = None
        if path is not None:
            self._read(path)
            self._descriptor = _written_anew(path, self._everything())

    def find(self, kind: str, identifier: str) -> Json | None:
        """A record to read; to change it, put it."""
        return self._records.get(kind, {}).get(identifier)

    def all(self, kind: str) -> list[Json]:
        """Every record of a kind, the oldest first."""
        return list(self._records.get(kind, {}).values())

    def put(self, kind: str, identifier: str, record: Json) -> None:
        """Keep a record, new or changed, from the next commit on also in the file."""
        self._records.setdefault(kind, {})[identifier] = record
        self._changed[kind, identifier] = record

    def commit(self) -> None:
        """Write what was put since the last time, as one line.

        Raises:
            StateFileError: the file cannot be written.
        """
        changed = [(kind, name, record) for (kind, name), record in self._changed.items()]
        self._changed.clear()
        if changed and self._descriptor is not None:
            _write(self._descriptor, _line(changed))

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _read(self, path: Path) -> None:
        try:
            lines = path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return
        except OSError as error:
            raise StateFileError(f"cannot read {path}: {error.strerror}") from error
        # What is behind the last newline was not written to its end.
        for number, line in enumerate(lines[:-1], start=1):
            try:
                for kind, name, record in _LINE.decode(line):
                    self._records.setdefault(kind, {})[name] = record
            except msgspec.MsgspecError as error:
                raise StateFileError(f"{path}, line {number}, is damaged: {error}") from error

    def _everything(self) -> Iterator[_Record]:
        for kind, records in self._records.items():
            for name, record in records.items():
                yield kind, name, record


def snapshot(record: Json) -> Json:
    """A copy that later changes do not reach."""
    return copy.deepcopy(record)


def _line(records: list[_Record]) -> bytes:
    return msgspec.json.encode(records) + b"\n"


def _write(descriptor: int, content: bytes) -> None:
    while content:
        try:
            content = content[os.write(descriptor, content) :]
        except OSError as error:
            raise StateFileError(f"cannot write the state: {error.strerror}") from error


def _written_anew(path: Path, records: Iterator[_Record]) -> int:
    """A descriptor to write on. The old file is there until the new one is whole."""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            for record in records:
                _write(descriptor, _line([record]))
            Path(name).replace(path)
        except BaseException:
            os.close(descriptor)
            with suppress(FileNotFoundError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise StateFileError(f"cannot write {path}: {error.strerror}") from error
    return descriptor
