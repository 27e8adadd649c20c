"""Secrets in the state folder: for our account only, whole or not there."""

import os
import stat
from pathlib import Path

import pytest

from deploy.local.errors import StateFolderError, StateFolderInUseError
from deploy.local.made_secrets import SecretsFile, ensure_secrets
from deploy.local.private_files import (
    make_state_folder,
    read_private,
    removed_around,
    write_private,
)
from deploy.local.stack_lock import stack_lock


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_state_folder_can_be_listed_by_nobody_else(tmp_path: Path) -> None:
    """Root's engines run as another account, which may pass through."""
    folder = make_state_folder(tmp_path / "deep" / "state")
    assert mode(folder) == (0o711 if os.geteuid() == 0 else 0o700)


def test_a_folder_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    """It may be somebody's home."""
    tmp_path.chmod(0o755)
    assert make_state_folder(tmp_path) == tmp_path
    assert mode(tmp_path) == 0o755


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    """In one line."""
    (tmp_path / "state").touch()
    with pytest.raises(StateFolderError, match="is not a folder"):
        make_state_folder(tmp_path / "state")


def test_what_was_written_is_read_and_nobody_else_can(tmp_path: Path) -> None:
    """A second writing replaces the first, and leaves nothing beside it."""
    path = tmp_path / "file.json"
    assert read_private(path) == {}
    for value in ("one", "two"):
        write_private(path, {"name": value})
    assert read_private(path) == {"name": "two"}
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}'])
def test_a_damaged_file_is_not_taken_for_a_missing_one(tmp_path: Path, content: str) -> None:
    """A new secret in place of a lost one would end all keys."""
    path = tmp_path / "secrets.json"
    path.write_text(content)
    with pytest.raises(StateFolderError, match="is damaged"):
        ensure_secrets(SecretsFile(tmp_path), {})
    assert path.read_text() == content


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    """The next start has the same; no two machines do."""
    file = SecretsFile(tmp_path)
    made = ensure_secrets(file, {})
    assert ensure_secrets(file, {}) == made
    assert len(set(made.values())) == 2
    assert all(len(secret) >= 32 for secret in made.values())


def test_a_secret_of_the_environment_is_used_and_not_kept(tmp_path: Path) -> None:
    """Whoever gives a secret keeps it."""
    file = SecretsFile(tmp_path)
    given = {"TOLLGATE_ADMIN_TOKEN": "the operator's own"}
    assert ensure_secrets(file, given)["TOLLGATE_ADMIN_TOKEN"] == "the operator's own"
    assert list(file.read()) == ["TOLLGATE_KEY_SECRET"]


def test_a_file_is_not_there_before_and_after(tmp_path: Path) -> None:
    """A stale file would name a stack that is gone."""
    path = tmp_path / "dev.json"
    path.touch()
    with removed_around(path):
        assert not path.exists()
        path.touch()
    assert not path.exists()


def test_a_state_folder_has_one_stack_at_a_time(tmp_path: Path) -> None:
    """The second is told who the first is."""
    refused = pytest.raises(StateFolderInUseError, match=rf"runs already .*process {os.getpid()}\)")
    with stack_lock(tmp_path), refused, stack_lock(tmp_path):
        pytest.fail("two at a time")
    with stack_lock(tmp_path):
        assert (tmp_path / "up.lock").exists()
