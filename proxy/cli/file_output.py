"""Writes what a command makes: to a file that is there only when it is complete, or to the pipe."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from ledger.ids import new_id


@contextmanager
def written_to(path: Path | None) -> Iterator[Callable[[bytes], object]]:
    """Gives a function that writes bytes to a file, or to standard output where there is no path.

    The file gets its name at the end. After an error there is none, or the one that was there.

    Raises:
        click.ClickException: the file cannot be written.
    """
    if path is None:
        yield sys.stdout.buffer.write
        sys.stdout.flush()
        return
    partial = path.with_name(f".{path.name}.{new_id()}.partial")
    try:
        with _opened(partial, path) as file:
            yield file.write
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _opened(partial: Path, path: Path) -> BinaryIO:
    try:
        return partial.open("xb")
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from error
