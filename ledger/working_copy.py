"""What the rest needs of the balances in Redis: to read one, and to tell of a change."""

from typing import Protocol

import msgspec

from ledger.database import DatabaseUnavailableError
from ledger.errors import RedisUnavailableError


class WorkingBalance(msgspec.Struct, frozen=True):
    """An account in Redis: for new calls, on hold, and taken but not yet written; millicredits."""

    available_mc: int
    held_mc: int
    unwritten_mc: int

    @property
    def balance_mc(self) -> int:
        """What customers are shown as their balance."""
        return self.available_mc + self.held_mc


class WorkingCopy(Protocol):
    """The balances in Redis."""

    async def balance(self, account_id: str) -> WorkingBalance:
        """The account now; one that Redis has lost is rebuilt first.

        Raises:
            RedisUnavailableError: nobody knows.
        """

    async def apply_syncs(self, account_id: str) -> None:
        """Brings what Postgres has committed for the account to Redis, in order, each once.

        Raises:
            RedisUnavailableError: it reaches Redis later, by the writer.
        """


async def tell(working_copy: WorkingCopy, account_id: str) -> Exception | None:
    """Tells Redis of a change that is committed.

    Returns why Redis did not take it, if so: the change stands, and the writer tells Redis later.
    """
    try:
        await working_copy.apply_syncs(account_id)
    except (RedisUnavailableError, DatabaseUnavailableError) as error:
        return error
    return None
