"""The Lua verbs of `ledger/lua/`, with what they include put in."""

import hashlib
import re
from functools import cache
from importlib.resources import files

import msgspec

_INCLUDE = re.compile(r"^-- @include (?P<name>[a-z_]+)\n", re.MULTILINE)


class Script(msgspec.Struct, frozen=True):
    """A script and the digest that Redis knows it by."""

    name: str
    text: str
    digest: str


@cache
def load_script(name: str) -> Script:
    """The verb in `ledger/lua/<name>.lua`."""
    folder = files("ledger").joinpath("lua")

    def included(found: re.Match[str]) -> str:
        return folder.joinpath("include", f"{found['name']}.lua").read_text(encoding="utf-8")

    text = _INCLUDE.sub(included, folder.joinpath(f"{name}.lua").read_text(encoding="utf-8"))
    # Redis names a script by its SHA-1; nothing is kept secret by it.
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return Script(name, text, digest)
