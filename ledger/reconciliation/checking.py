"""What a check is: it reads one snapshot of Postgres, while somebody watches."""

from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol

from ledger.database import Connection
from ledger.reconciliation.difference import Difference, Scope, Size

# A whole table may be read by one statement.
STATEMENT_TIMEOUT_S = 3600
ROWS_AT_ONCE = 500


class Progress(Protocol):
    """Somebody who watches."""

    def begin(self, step: str, total: int | None) -> None:
        """Another step: so many things to look at, if that is known."""

    def advance(self, count: int) -> None:
        """So many more were looked at."""


class Unwatched:
    """Progress that nobody looks at."""

    def begin(self, step: str, total: int | None) -> None:
        """Nothing."""

    def advance(self, count: int) -> None:
        """Nothing."""


class Round(NamedTuple):
    """One reconciliation: what is looked at, how much that is, and who watches."""

    scope: Scope
    size: Size
    progress: Progress


class LedgerCheck(Protocol):
    """A check of what one snapshot of Postgres says."""

    name: str

    def differences(self, connection: Connection, looked_at: Round) -> AsyncIterator[Difference]:
        """All that it finds, in no order, in constant memory."""
