"""The lock files: whole, and the same for everybody."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ["requirements.lock", "requirements-dev.lock"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def pinned(lock: str) -> dict[str, str]:
    """Read the versions that a lock file pins."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", text, re.MULTILINE))


def asked_at_run_time() -> list[str]:
    """List what `make run` needs."""
    project = PROJECT["project"]
    local, build = project["optional-dependencies"]["local"], PROJECT["dependency-groups"]["build"]
    return [*project["dependencies"], *local, *build]


@pytest.mark.parametrize(
    ("lock", "asked"),
    [(LOCKS[0], asked_at_run_time()), (LOCKS[1], PROJECT["dependency-groups"]["dev"])],
)
def test_what_the_project_asks_for_is_pinned(lock: str, asked: list[str]) -> None:
    """`make lock` was run after the last change of pyproject.toml."""
    versions = pinned(lock)
    wanted = [Requirement(line) for line in asked]
    missing = [
        str(one)
        for one in wanted
        if versions.get(canonicalize_name(one.name), "0") not in one.specifier
    ]
    assert missing == []


def test_both_locks_agree() -> None:
    """Tests run on the versions that people run."""
    run, test = pinned(LOCKS[0]), pinned(LOCKS[1])
    assert {name: run[name] for name in run.keys() & test} == {
        name: test[name] for name in run.keys() & test
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_place(lock: str) -> None:
    """Everybody installs from the registry of their own; hashes say that it is the same."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert re.findall(r"://|^\s*--(?!hash=)|[ =\"]/\S+", text, re.MULTILINE) == []
    assert text.count("--hash=sha256:") > len(pinned(lock))
