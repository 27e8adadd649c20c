"""The Lua verbs as they are sent to Redis."""

import hashlib
import re
from importlib.resources import files

import pytest

from ledger.scripts import load_script

FOLDER = files("ledger").joinpath("lua")
VERBS = sorted(file.name[:-4] for file in FOLDER.iterdir() if file.name.endswith(".lua"))
# Without these memory could not get free again: credits would stay held.
WHEN_MEMORY_IS_FULL = {
    *("settle", "sweep", "sync", "acknowledge"),
    *("renew", "rebuild_begin", "rebuild_finish", "mend", "tidy"),
}


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_says_what_it_takes_and_gives(name: str) -> None:
    """One Lua file per verb, each with a header that names its keys, arguments and reply."""
    text = FOLDER.joinpath(f"{name}.lua").read_text(encoding="utf-8")
    shebang, *header = text.splitlines()[:20]
    assert shebang.startswith("#!lua")
    assert any(line.startswith("-- Input:  KEYS 1 ") for line in header)
    assert any(line.startswith("-- Output: ") for line in header)


@pytest.mark.parametrize("name", VERBS)
def test_what_a_verb_includes_is_in_it_once(name: str) -> None:
    """The shebang stays first, and no include is left for Redis to stumble over."""
    script = load_script(name)
    assert script.text.startswith("#!lua")
    assert "@include" not in script.text
    functions = re.findall(r"^local function (\w+)", script.text, re.MULTILINE)
    assert len(functions) == len(set(functions))
    assert script.digest == hashlib.sha1(script.text.encode()).hexdigest()


@pytest.mark.parametrize("name", VERBS)
def test_only_reserve_is_refused_when_memory_is_full(name: str) -> None:
    """Section 5: what ends a hold may always run, what makes one may not."""
    shebang = load_script(name).text.splitlines()[0]
    assert ("flags=allow-oom" in shebang) == (name in WHEN_MEMORY_IS_FULL)


@pytest.mark.parametrize("name", VERBS)
def test_amounts_are_never_joined_to_text_as_numbers(name: str) -> None:
    """Lua would write 1.2345678901235e+15: what is joined is text that came from Redis."""
    code = re.sub(r"--.*", "", load_script(name).text)
    joined = re.findall(r"\.\. ([^'\s][^.\n,)]*)", code) + re.findall(r"(\S+) \.\. '", code)
    numbers = ("tonumber(", "math.", "held", "unwritten", "available")
    assert not [text for text in joined if text.strip().startswith(numbers)]
