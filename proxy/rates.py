"""The rate table in force."""

from config.rates import RateTable


class CurrentRates:
    """Holds the table that new calls are quoted by; a call keeps the one it was quoted by."""

    def __init__(self, table: RateTable) -> None:
        self._table = table

    def current(self) -> RateTable:
        """The table as of now."""
        return self._table
