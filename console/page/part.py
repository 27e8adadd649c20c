"""What a part of the page is, and how it is shown: by itself, so that it fails alone."""

import hashlib
from collections.abc import Coroutine, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import structlog
from markupsafe import Markup

from console.errors import ApiError
from console.handling import KNOWN_ERRORS, as_api_error
from console.page.query import PageQuery
from console.page.visitor import Visitor
from console.pages import Pages
from console.waiting import within

NOTHING: Mapping[str, Any] = MappingProxyType({})
# Whoever looks at a page waits for its slowest part.
LONGEST_WAIT_S = 5.0

_BAD_QUESTION = 400
_UNEXPECTED = ApiError(500, "internal_error", "Something went wrong on this server.")
_TOO_SLOW = ApiError(503, "too_slow", "This takes too long now. Try again in a moment.")
_log = structlog.get_logger(__name__)


class Part(Protocol):
    """A part of the page; its template is `parts/<name>.html`."""

    @property
    def name(self) -> str:
        """What its address and its template are called."""

    @property
    def title(self) -> str:
        """Its heading."""

    def load(self, visitor: Visitor, query: PageQuery) -> Coroutine[Any, Any, Mapping[str, object]]:
        """What its template shows.

        Raises:
            ApiError: what was asked for is wrong; or an error that `console/handling.py` knows.
        """


class Shown:
    """A part as HTML, with a tag that changes when it does."""

    def __init__(self, html: str, status: int) -> None:
        self.html = Markup(html)  # noqa: S704 - a template's text, which was escaped
        self.status = status
        self.tag = f'"{hashlib.sha256(html.encode()).hexdigest()[:32]}"'


class Parts:
    """All parts, by name."""

    def __init__(self, pages: Pages, parts: Iterable[Part]) -> None:
        self._pages = pages
        self._parts = {part.name: part for part in parts}

    @property
    def names(self) -> Iterable[str]:
        """The names, in the order of the page."""
        return self._parts

    def title(self, name: str) -> str:
        """A part's heading."""
        return self._parts[name].title

    async def show(
        self, name: str, visitor: Visitor, query: PageQuery, extra: Mapping[str, object] = NOTHING
    ) -> Shown:
        """A part; where it cannot be loaded, what is wrong. `extra` is added to what it shows."""
        part = self._parts[name]
        common = {"visitor": visitor, "base": visitor.base, "query": query, "part": part}
        try:
            loaded = await within(LONGEST_WAIT_S, part.load(visitor, query))
            values = {**common, **loaded, **extra}
            return Shown(self._pages.render(f"parts/{name}.html", values), 200)
        except ApiError as error:
            wrong = error
        except KNOWN_ERRORS as error:
            wrong = as_api_error(error)
        except TimeoutError:
            wrong = _TOO_SLOW
        except Exception:  # noqa: BLE001 - the other parts are shown all the same
            _log.exception("part_failed", part=name, account_id=visitor.account_id)
            wrong = _UNEXPECTED
        failed = {**common, "reason": str(wrong), "is_bad_question": wrong.status == _BAD_QUESTION}
        return Shown(self._pages.render("parts/failed.html", failed), wrong.status)
