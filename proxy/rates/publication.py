"""What a parent has accepted, in a private file for its children: they never judge by themselves.

So all of them have the same rates, also one that is started again while the operator's file is
being edited.
"""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
import structlog

from config.errors import ConfigError
from config.rate_book import parse_rate_book
from deploy.local.errors import StateFolderError
from deploy.local.private_files import read_private, write_private
from proxy.rates.accepted import AcceptedRates, Reason

# Names the file to the children. Not a setting: parents set it, nobody else.
VARIABLE = "TOLLGATE_RATES_IN_FORCE"
# What tidies up folders of temporary files takes those that nobody has written for long.
REFRESH_S = 3600.0

_log = structlog.get_logger(__name__)


class _Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """The file's content; see `AcceptedRates`."""

    text: str
    source: str
    reason: Reason
    accepted_at: datetime
    since_s: int
    host: str
    file_owner: str


class Publication:
    """The parent's side: writes what is in force, whole or not at all."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._accepted: AcceptedRates | None = None
        self._written_at_s: float | None = None

    @property
    def path(self) -> Path:
        """The file that children are told of."""
        return self._path

    def publish(self, accepted: AcceptedRates) -> None:
        """Tell the children, now or, where the file cannot be written, by `keep`."""
        self._accepted = accepted
        self._written_at_s = None
        self.keep()

    def keep(self) -> None:
        """Write what is not written yet, is gone or was written long ago. A failure is logged."""
        if self._accepted is None or self._is_fresh():
            return
        fields = {name: getattr(self._accepted, name) for name in _Envelope.__struct_fields__}
        try:
            write_private(self._path, {name: str(value) for name, value in fields.items()})
        except StateFolderError as error:
            _log.error("rates_not_published", reason=str(error))
            return
        self._written_at_s = self._clock()

    def _is_fresh(self) -> bool:
        written_at_s = self._written_at_s
        if written_at_s is None or self._clock() >= written_at_s + REFRESH_S:
            return False
        return self._path.exists()


class PublishedRates:
    """A child's side: a source of the rates that its parent has accepted."""

    def __init__(self, path: Path, upstreams: frozenset[str]) -> None:
        self._path = path
        self._upstreams = upstreams
        self._signature: tuple[int, int] | None = None
        self._problem = ""
        self._taken: _Envelope | None = None

    def first(self) -> AcceptedRates:
        """What is in force.

        Raises:
            ConfigError: the parent's file is gone, or is for other settings than ours.
        """
        self._signature = self._look_at_file()
        return self._read()

    def look(self, *, is_asked: bool = False) -> AcceptedRates | None:
        """What is in force, if that is new. Where it cannot be read, the last one stays."""
        signature = self._look_at_file()
        if signature == self._signature and not is_asked:
            return None
        before = self._taken
        try:
            accepted = self._read()
        except ConfigError as error:
            if str(error) != self._problem:
                _log.error("rates_unreadable", reason=str(error))
            self._problem = str(error)
            return None
        self._signature, self._problem = signature, ""
        return None if self._taken == before else accepted

    def _look_at_file(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def _read(self) -> AcceptedRates:
        try:
            envelope = msgspec.convert(read_private(self._path), _Envelope, strict=False)
        except (StateFolderError, msgspec.ValidationError) as error:
            raise ConfigError(
                str(self._path), "", f"is not what its parent wrote: {error}"
            ) from None
        fields = {name: getattr(envelope, name) for name in _Envelope.__struct_fields__}
        book = parse_rate_book(
            envelope.text, envelope.source, self._upstreams, since_s=envelope.since_s
        )
        self._taken = envelope
        return AcceptedRates(book=book, **fields)
