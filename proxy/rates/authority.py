"""The parent's say over rates: it judges the operator's file, and tells its children."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from config.rates import FILE_NAME
from proxy.rates.current import CurrentRates
from proxy.rates.publication import Publication
from proxy.rates.rates_file import RatesFile

LOOK_EVERY_S = 0.25


class RateAuthority:
    """Keeps the last good rates published, whatever becomes of the file."""

    def __init__(self, file: RatesFile, publication: Publication) -> None:
        self._file = file
        self._publication = publication
        accepted = file.first()
        publication.publish(accepted)
        self.rates = CurrentRates(accepted)
        self._is_announced = False

    @property
    def path(self) -> Path:
        """The file that children are told of, by `publication.VARIABLE`."""
        return self._publication.path

    def look(self, *, is_asked: bool) -> None:
        """Look at the file; where somebody has asked for it, judge it at once."""
        if not self._is_announced:  # not before the parent's other parts are known to be good
            self.rates.announce()
            self._is_announced = True
        accepted = self._file.look(is_asked=is_asked)
        if accepted is None:
            self._publication.keep()
        else:
            self._publication.publish(accepted)
            self.rates.take(accepted)
        self.rates.current()
        self.rates.switches.clear()  # it is the children that tell Postgres


@contextmanager
def open_authority(folder: Path, upstreams: frozenset[str]) -> Iterator[RateAuthority]:
    """The authority over a config folder's rates; its file is removed in the end.

    Raises:
        ConfigError: the rates are not good.
    """
    file = RatesFile(folder / FILE_NAME, upstreams)
    with TemporaryDirectory(prefix="tollgate-rates-") as private:
        yield RateAuthority(file, Publication(Path(private) / "in-force.json"))
