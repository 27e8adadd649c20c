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

    The file gets its name at the end. After an error there is none, or the one that was there. What
    is there and is no file, like a pipe or a device, is written to as it is, never replaced.

    Raises:
        click.ClickException: the file cannot be written.
    """
    if path is None:
        with _explained("standard output"), _nothing_left_to_flush():
            yield sys.stdout.buffer.write
            sys.stdout.flush()
    elif path.exists() and not path.is_file():
        with _explained(path), path.open("wb") as device:
            yield device.write
    else:
        with _explained(path), _replaced(path.resolve()) as file:
            yield file.write


@contextmanager
def _nothing_left_to_flush() -> Iterator[None]:
    """Where standard output takes no more, Python would try once more at its end, and say so."""
    try:
        yield
    except OSError:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        raise


@contextmanager
def _replaced(path: Path) -> Iterator[BinaryIO]:
    partial = path.with_name(f".{path.name}.{new_id()}.partial")
    try:
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _explained(path: Path | str) -> Iterator[None]:
    """Where the disk is full, or the file may not be written, one line says so."""
    try:
        yield
    except BrokenPipeError:
        # Who reads has enough: click ends it without a word.
        raise
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from error
