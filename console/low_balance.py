"""Below which balance an account is told that it is low: its own threshold, else the operator's."""

from typing import Protocol

from billing.customer_settings import CustomerSettings
from ledger.database import DatabaseUnavailableError
from ledger.errors import AccountUnknownError
from pricing.money import MILLICREDITS


class ReadsSettings(Protocol):
    """Knows what customers have set."""

    async def get(self, account_id: str) -> CustomerSettings:
        """What is set for an account."""


class LowBalanceThresholds:
    """Thresholds of accounts, in millicredits."""

    def __init__(self, settings: ReadsSettings, *, default_credits: int) -> None:
        self._settings = settings
        self._default_mc = default_credits * MILLICREDITS

    async def of(self, account_id: str) -> int:
        """The account's threshold; while Postgres is away the operator's, so that it is told."""
        try:
            own_mc = (await self._settings.get(account_id)).low_balance_mc
        except (DatabaseUnavailableError, AccountUnknownError):
            return self._default_mc
        return self._default_mc if own_mc is None else own_mc
