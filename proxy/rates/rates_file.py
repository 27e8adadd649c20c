"""The operator's file of rates, looked at again and again: taken when good, refused when not."""

import os
import pwd
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog

from config.errors import ConfigError
from config.rate_book import RateBook, parse_rate_book
from proxy.rates.accepted import AcceptedRates, Reason

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Content:
    """What a look has found: the text, or why there is none. Times in seconds since 1970."""

    text: str
    problem: str = ""
    owner: str = ""
    written_at_s: int = 0

    def says_as(self, other: "_Content | None") -> bool:
        return other is not None and (self.text, self.problem) == (other.text, other.problem)


class RatesFile:
    """A source of rates that judges each content of the file once.

    A new content is judged when two looks in a row have found it: half of a file can be a good
    table, too. Where somebody has asked for it, it is judged at once.
    """

    def __init__(
        self, path: Path, upstreams: frozenset[str], clock: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._upstreams = upstreams
        self._clock = clock
        self._seen: _Content | None = None
        self._judged: _Content | None = None
        self._book: RateBook | None = None
        self._text = ""

    def first(self) -> AcceptedRates:
        """What the file says now.

        Raises:
            ConfigError: names the file, the key and what would be right.
        """
        self._seen = self._judged = content = self._read()
        return self._accept(self._parse(content), content, "start")

    def look(self, *, is_asked: bool = False) -> AcceptedRates | None:
        """What the file says, if that is new and good. A refusal is logged, once per content."""
        content = self._read()
        is_stable = content.says_as(self._seen)
        self._seen = content
        if not is_asked and (content.says_as(self._judged) or not is_stable):
            return None
        self._judged = content
        try:
            book = self._parse(content)
        except ConfigError as error:
            self._log_refusal(error)
            return None
        if content.text == self._text:
            _log.info("rates_unchanged", file=str(self._path))
            return None
        return self._accept(book, content, "signal" if is_asked else "file changed")

    def _read(self) -> _Content:
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                text = file.read().decode("utf-8")
        except FileNotFoundError:
            return _Content("", "no such file")
        except OSError as error:
            return _Content("", f"cannot be read: {error.strerror}")
        except UnicodeDecodeError as error:
            return _Content("", f"is not TOML: {error}")
        return _Content(text, "", _name_of(status.st_uid), int(status.st_mtime))

    def _parse(self, content: _Content) -> RateBook:
        if content.problem:
            raise ConfigError(str(self._path), "", content.problem)
        return parse_rate_book(content.text, str(self._path), self._upstreams)

    def _accept(self, book: RateBook, content: _Content, reason: Reason) -> AcceptedRates:
        since_s = self._since_s(book, content)
        self._book = msgspec.structs.replace(book, since_s=since_s)
        self._text = content.text
        return AcceptedRates(
            book=self._book,
            text=content.text,
            source=str(self._path),
            reason=reason,
            accepted_at=datetime.fromtimestamp(self._clock(), UTC),
            since_s=since_s,
            host=socket.gethostname(),
            file_owner=content.owner,
        )

    def _since_s(self, book: RateBook, content: _Content) -> int:
        now_s = int(self._clock())
        if self._book is None:
            return min(content.written_at_s, now_s)
        before, after = self._book.table_at(now_s), book.table_at(now_s)
        # Another comment, or another plan for the future, is no other table.
        return self._book.since_s if before.version == after.version else now_s

    def _log_refusal(self, error: ConfigError) -> None:
        _log.error(
            "rates_refused",
            file=error.source,
            key=error.key,
            reason=error.reason,
            kept=None if self._book is None else self._version_kept(self._book),
        )

    def _version_kept(self, book: RateBook) -> str:
        return book.table_at(int(self._clock())).version


def _name_of(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)
