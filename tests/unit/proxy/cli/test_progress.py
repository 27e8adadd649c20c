"""The progress bar: on a terminal only."""

import io
import sys

import pytest

from proxy.cli.progress import progress_bar


class Terminal(io.StringIO):
    """A standard error that is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(file: io.StringIO, monkeypatch: pytest.MonkeyPatch, *, wanted: bool = True) -> str:
    """What a command shows that finds 1,500 things where 1,000 were guessed."""
    monkeypatch.setattr(sys, "stderr", file)
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar("Replaying calls", 1000, wanted=wanted) as tell:
        for done in (500, 1500):
            tell(done)
    return file.getvalue()


def test_a_terminal_shows_how_far_a_command_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress: a guess that was too low is put right."""
    text = shown(Terminal(), monkeypatch)
    assert "Replaying calls" in text
    assert "1,500 of 1,500" in text
    assert "100%" in text


def test_nothing_is_shown_elsewhere_or_where_it_is_not_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Progress: logs and pipes stay clean, whatever colours are asked for."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert shown(io.StringIO(), monkeypatch) == ""
    assert shown(Terminal(), monkeypatch, wanted=False) == ""
