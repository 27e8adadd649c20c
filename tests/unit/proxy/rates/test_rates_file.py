"""The operator's file: what is good is taken once, what is not is refused once."""

import getpass
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from config.errors import ConfigError
from config.settings import DEFAULT_FOLDER
from proxy.rates.publication import Publication, PublishedRates
from proxy.rates.rates_file import RatesFile

UPSTREAMS = frozenset({"openai"})
SHIPPED = (DEFAULT_FOLDER / "rates.toml").read_text(encoding="utf-8")
DEARER = SHIPPED.replace('"2.4"', '"3.6"')
BAD = SHIPPED.replace('"2.4"', '"cheap"')
NOW_S = 2_000_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "rates.toml"
    path.write_text(SHIPPED)
    return path


@pytest.fixture
def file(path: Path) -> RatesFile:
    return RatesFile(path, UPSTREAMS, lambda: NOW_S)


def price(text_or_none: object) -> str:
    """The input rate of what was accepted."""
    book = getattr(text_or_none, "book", None)
    assert book is not None
    return str(book.table_at(NOW_S).models["gpt-4o-mini"].rates["input"].text)


def test_the_first_look_takes_what_is_there(file: RatesFile, path: Path) -> None:
    """Rates: in force since the file was written, at the start of this process."""
    os.utime(path, (1_000_000_000, 1_000_000_000))
    first = file.first()
    assert (price(first), first.reason, first.since_s) == ("2.4", "start", 1_000_000_000)
    assert (first.source, first.file_owner) == (str(path), getpass.getuser())
    assert first.book.table_at(NOW_S).updated_at_s == 1_000_000_000


def test_a_file_that_is_as_it_was_brings_nothing(file: RatesFile, path: Path) -> None:
    """Rates: also where it was written again."""
    file.first()
    path.write_text(SHIPPED)
    assert [file.look() for _ in range(3)] == [None, None, None]


def test_a_change_is_taken_when_it_stands_still(file: RatesFile, path: Path) -> None:
    """Rates: half of a file can be a good table, too, so it is looked at twice."""
    file.first()
    path.write_text(SHIPPED[: SHIPPED.index('[models."gpt-4o"]')])
    assert file.look() is None
    path.write_text(DEARER)
    assert file.look() is None
    taken = file.look()
    assert price(taken) == "3.6"
    assert taken is not None
    assert (taken.reason, taken.since_s) == ("file changed", NOW_S)
    assert file.look() is None


def test_whoever_asks_is_heard_at_once(file: RatesFile, path: Path) -> None:
    """Rates: SIGHUP says that the file is complete."""
    file.first()
    path.write_text(DEARER)
    taken = file.look(is_asked=True)
    assert price(taken) == "3.6"
    assert taken is not None
    assert taken.reason == "signal"


def put(path: Path, text: str) -> None:
    """As editors do it that never leave half a file."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


@pytest.mark.parametrize("write", [Path.write_text, put])
def test_what_is_refused_is_told_once_and_what_follows_is_taken(
    file: RatesFile, path: Path, write: Callable[[Path, str], None]
) -> None:
    """Rates: refused loudly, with file, key and reason; the last good one stays."""
    kept = file.first().book.table_at(NOW_S).version
    with capture_logs() as logs:
        write(path, BAD)
        assert [file.look() for _ in range(5)] == [None] * 5
    assert logs == [
        {
            "event": "rates_refused",
            "log_level": "error",
            "file": str(path),
            "key": 'models."gpt-4o-mini".input',
            "reason": "'cheap' is not a rate: write credits per 1,000 tokens like \"2.4\"",
            "kept": kept,
        }
    ]
    write(path, DEARER)
    assert file.look() is None
    assert price(file.look()) == "3.6"


def test_whoever_asks_again_is_told_again(file: RatesFile, path: Path) -> None:
    """Rates: an operator who sends SIGHUP learns what is wrong each time."""
    file.first()
    path.write_text(BAD)
    with capture_logs() as logs:
        assert [file.look(is_asked=True) for _ in range(2)] == [None, None]
        path.write_text(SHIPPED)
        assert file.look(is_asked=True) is None
    assert [log["event"] for log in logs] == ["rates_refused", "rates_refused", "rates_unchanged"]


def test_a_file_that_is_gone_is_refused_like_a_bad_one(file: RatesFile, path: Path) -> None:
    """Rates: and what is written in its place is taken."""
    file.first()
    path.unlink()
    with capture_logs() as logs:
        assert [file.look() for _ in range(3)] == [None, None, None]
    assert [(log["event"], log["reason"]) for log in logs] == [("rates_refused", "no such file")]
    path.write_bytes(b"\xff")
    with capture_logs() as logs:
        assert [file.look() for _ in range(3)] == [None, None, None]
    assert "is not TOML" in logs[0]["reason"]
    path.write_text(DEARER)
    assert [price(one) for one in (file.look(), file.look()) if one] == ["3.6"]


def test_other_words_for_the_same_rates_do_not_make_them_younger(
    file: RatesFile, path: Path
) -> None:
    """updatedAt: a comment changes no rate."""
    os.utime(path, (1_000_000_000, 1_000_000_000))
    file.first()
    path.write_text(f"# A word.\n{SHIPPED}")
    taken = file.look(is_asked=True)
    assert taken is not None
    assert taken.since_s == 1_000_000_000


def test_a_bad_file_at_the_start_is_an_error(file: RatesFile, path: Path) -> None:
    """G2: nothing is served at rates that nobody can read."""
    path.write_text(BAD)
    with pytest.raises(ConfigError, match="'cheap' is not a rate"):
        file.first()
    path.unlink()
    with pytest.raises(ConfigError, match=r"rates\.toml: no such file"):
        file.first()


def test_children_have_what_their_parent_has_accepted(
    file: RatesFile, path: Path, tmp_path: Path
) -> None:
    """Rates: the good ones, for all of them, also while the operator's file is bad."""
    published = tmp_path / "in-force.json"
    publication = Publication(published)
    first = file.first()
    publication.publish(first)
    path.write_text(BAD)
    assert published.stat().st_mode & 0o777 == 0o600
    child = PublishedRates(published, UPSTREAMS)
    assert child.first() == first
    assert child.look() is None
    path.write_text(DEARER)
    dearer = file.look(is_asked=True)
    assert dearer is not None
    publication.publish(dearer)
    assert child.look() == dearer
    assert child.look() is None
    assert PublishedRates(published, UPSTREAMS).first() == dearer


def test_a_child_keeps_its_rates_where_the_parents_file_is_damaged(
    file: RatesFile, tmp_path: Path
) -> None:
    """Rates: told once, and nothing else changes."""
    published = tmp_path / "in-force.json"
    Publication(published).publish(file.first())
    child = PublishedRates(published, UPSTREAMS)
    child.first()
    published.unlink()
    with capture_logs() as logs:
        assert [child.look() for _ in range(3)] == [None, None, None]
    assert [log["event"] for log in logs] == ["rates_unreadable"]
    with pytest.raises(ConfigError, match=r"in-force\.json"):
        PublishedRates(published, UPSTREAMS).first()


def test_what_cannot_be_published_is_published_later(file: RatesFile, tmp_path: Path) -> None:
    """Rates: a full disk delays a change, and loses none."""
    folder = tmp_path / "away"
    publication = Publication(folder / "in-force.json")
    with capture_logs() as logs:
        publication.publish(file.first())
    assert [log["event"] for log in logs] == ["rates_not_published"]
    folder.mkdir()
    publication.keep()
    assert PublishedRates(folder / "in-force.json", UPSTREAMS).first().reason == "start"


def test_what_is_published_does_not_grow_old(file: RatesFile, tmp_path: Path) -> None:
    """Rates: what tidies up temporary files finds it written lately, or it is written again."""
    published = tmp_path / "in-force.json"
    now_s = [5.0]
    publication = Publication(published, lambda: now_s[0])
    publication.publish(file.first())
    child = PublishedRates(published, UPSTREAMS)
    child.first()
    first = published.stat().st_ino
    publication.keep()
    assert published.stat().st_ino == first
    now_s[0] += 3600
    publication.keep()
    assert published.stat().st_ino != first
    assert child.look() is None
    published.unlink()
    publication.keep()
    assert published.exists()
