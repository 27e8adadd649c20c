"""Who looks at a Credits page, and what they may do there."""

from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Literal, TypeAlias

import msgspec
from aiohttp import web

from console.pages import CONSOLE_PATH
from console.sessions import form_token


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is signed in. `token` is the session's, '' for an operator with a bearer token.

    `has_limited_key`: signed in by a key that may not spend more than so much a month. `dismissed`
    names the low balance whose banner they do not want to see any more.
    """

    account_id: str
    way: Literal["link", "key", "operator"]
    token: str
    has_limited_key: bool = False
    dismissed: str = ""

    @property
    def base(self) -> str:
        """Where the page is: everything of it is below."""
        if self.way == "operator":
            return f"{CONSOLE_PATH}/accounts/{self.account_id}"
        return CONSOLE_PATH

    @property
    def may_change(self) -> bool:
        """Operators look; what they change, they change by their own API."""
        return self.way != "operator"

    @property
    def may_manage(self) -> bool:
        """Whether keys, settings and cards are theirs to change: a limited key lifts no limits."""
        return self.may_change and not self.has_limited_key

    @property
    def mark(self) -> str:
        """Tells sessions apart and says nothing of them: a page knows by it whose parts it gets."""
        return sha256(self.form_token.encode()).hexdigest()[:16]

    @property
    def form_token(self) -> str:
        """What each form on the page carries."""
        return form_token(self.token)


VisitorHandler: TypeAlias = Callable[[web.Request, Visitor], Awaitable[web.StreamResponse]]
