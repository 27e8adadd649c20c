"""Below which balance an account is told that it is low: its own threshold, else the operator's."""

from collections.abc import Coroutine
from typing import Any, Protocol

from billing.customer_settings import CustomerSettings
from console.waiting import within
from ledger.database import DatabaseUnavailableError
from ledger.errors import AccountUnknownError
from pricing.money import MILLICREDITS

# A balance is worth more now than with its threshold later.
LONGEST_WAIT_S = 1.0


class ReadsSettings(Protocol):
    """Knows what customers have set."""

    def get(self, account_id: str) -> Coroutine[Any, Any, CustomerSettings]:
        """What is set for an account."""


class LowBalanceThresholds:
    """Thresholds of accounts, in millicredits."""

    def __init__(self, settings: ReadsSettings, *, default_credits: int) -> None:
        self._settings = settings
        self._default_mc = default_credits * MILLICREDITS

    async def of(self, account_id: str) -> int:
        """The account's threshold; while Postgres is away the operator's, so that it is told."""
        try:
            settings = await within(LONGEST_WAIT_S, self._settings.get(account_id))
        except (DatabaseUnavailableError, AccountUnknownError, TimeoutError):
            return self._default_mc
        own_mc = settings.low_balance_mc
        return self._default_mc if own_mc is None else own_mc
