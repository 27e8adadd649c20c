"""Calls of the past under another rate table: what they would have been charged and have earned."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec

from config.rates import RateTable
from config.settings import Rounding
from pricing.charge import NoRateError, charge_mc, cost_picousd

# A row of usage: account, model, rounding, units by dimension, charge in millicredits, and what
# the provider took in 10^-12 USD or None. A plain tuple, because there are millions of them.
Call: TypeAlias = tuple[str, str, Rounding, Mapping[str, int], int, int | None]

_PICOUSD_PER_MILLI_USD = 10**9


class Earned(msgspec.Struct, frozen=True):
    """Charges and costs of those calls whose cost is known: `calls` says how many these are."""

    calls: int = 0
    charge_mc: int = 0
    cost_picousd: int = 0

    def margin_picousd(self, credits_per_usd: int) -> int | None:
        """Charges less costs in 10^-12 USD; None where no cost is known.

        Exact where a millicredit is a whole number of them; else down to the next one, once.
        """
        if not self.calls:
            return None
        return picousd_of(self.charge_mc, credits_per_usd) - self.cost_picousd


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What some calls were charged, and what they would be. Amounts in millicredits.

    `priced_calls` are those that the table has rates for, `priced_was_mc` what these were charged;
    the others add nothing to `would_be_mc`.
    """

    calls: int = 0
    was_mc: int = 0
    priced_calls: int = 0
    priced_was_mc: int = 0
    would_be_mc: int = 0
    was_earned: Earned = Earned()
    would_be_earned: Earned = Earned()


class Unpriced(msgspec.Struct, frozen=True):
    """Calls that the table has no rates for, with why: their model would be refused."""

    model: str
    reason: str
    calls: int
    was_mc: int


class Simulation(msgspec.Struct, frozen=True):
    """What came out, in the order of names and ids. Models and accounts each add up to `total`."""

    total: Figures
    by_model: Mapping[str, Figures]
    by_account: Mapping[str, Figures]
    unpriced: tuple[Unpriced, ...]


class Replay:
    """Adds calls up under a table; what it keeps grows with accounts and models, not with calls."""

    def __init__(self, table: RateTable) -> None:
        self._table = table
        self._by_model: dict[str, _Sums] = {}
        self._by_account: dict[str, _Sums] = {}
        self._unpriced: dict[tuple[str, str], _Sums] = {}

    def add(self, calls: Iterable[Call]) -> None:
        """Adds some calls, in any order. Each is charged by itself, by its own rounding."""
        sums_by_key: dict[tuple[str, str], _Sums] = {}
        models = self._table.models
        for account_id, model, rounding, units, was_mc, was_picousd in calls:
            key = account_id, model
            sums = sums_by_key.get(key)
            if sums is None:
                sums = sums_by_key[key] = _Sums()
            sums.add_past(was_mc, was_picousd)
            try:
                rates = models[model]
                would_be_mc = charge_mc(units, rates.rates, rounding)
            except LookupError as error:
                self._add_unpriced(model, error, was_mc)
                continue
            known_picousd = cost_picousd(units, rates.costs) if rates.costs else None
            sums.add_priced(
                was_mc, would_be_mc, was_picousd if known_picousd is None else known_picousd
            )
        self._keep(sums_by_key)

    @property
    def calls(self) -> int:
        """How many have been added."""
        return sum(sums.calls for sums in self._by_model.values())

    def simulation(self) -> Simulation:
        """What all calls so far come to."""
        by_model = {name: self._by_model[name].figures() for name in sorted(self._by_model)}
        return Simulation(
            total=sum_of(by_model.values()),
            by_model=by_model,
            by_account={key: self._by_account[key].figures() for key in sorted(self._by_account)},
            unpriced=tuple(
                Unpriced(model, reason, sums.calls, sums.was_mc)
                for (model, reason), sums in sorted(self._unpriced.items())
            ),
        )

    def _keep(self, sums_by_key: "dict[tuple[str, str], _Sums]") -> None:
        # Accounts and models apart: there may be many thousands of pairs.
        for (account_id, model), sums in sums_by_key.items():
            figures = sums.figures()
            self._by_account.setdefault(account_id, _Sums()).add_figures(figures)
            self._by_model.setdefault(model, _Sums()).add_figures(figures)

    def _add_unpriced(self, model: str, error: LookupError, was_mc: int) -> None:
        if isinstance(error, NoRateError):
            reason = f"has no rate for {error}"
        else:
            reason = "is retired" if model in self._table.retired_at_s else "is not in the table"
        sums = self._unpriced.setdefault((model, reason), _Sums())
        sums.add_past(was_mc, None)


class _Sums:
    """Running sums of some calls."""

    __slots__ = (
        *("calls", "was_mc", "priced_calls", "priced_was_mc", "would_be_mc"),
        *("was_known_calls", "was_known_mc", "was_picousd"),
        *("would_be_known_calls", "would_be_known_mc", "would_be_picousd"),
    )

    def __init__(self) -> None:
        self.calls = self.was_mc = 0
        self.priced_calls = self.priced_was_mc = self.would_be_mc = 0
        self.was_known_calls = self.was_known_mc = self.was_picousd = 0
        self.would_be_known_calls = self.would_be_known_mc = self.would_be_picousd = 0

    def add_past(self, was_mc: int, was_picousd: int | None) -> None:
        self.calls += 1
        self.was_mc += was_mc
        if was_picousd is not None:
            self.was_known_calls += 1
            self.was_known_mc += was_mc
            self.was_picousd += was_picousd

    def add_priced(self, was_mc: int, would_be_mc: int, would_be_picousd: int | None) -> None:
        self.priced_calls += 1
        self.priced_was_mc += was_mc
        self.would_be_mc += would_be_mc
        if would_be_picousd is not None:
            self.would_be_known_calls += 1
            self.would_be_known_mc += would_be_mc
            self.would_be_picousd += would_be_picousd

    def add_figures(self, other: Figures) -> None:
        self.calls += other.calls
        self.was_mc += other.was_mc
        self.priced_calls += other.priced_calls
        self.priced_was_mc += other.priced_was_mc
        self.would_be_mc += other.would_be_mc
        self.was_known_calls += other.was_earned.calls
        self.was_known_mc += other.was_earned.charge_mc
        self.was_picousd += other.was_earned.cost_picousd
        self.would_be_known_calls += other.would_be_earned.calls
        self.would_be_known_mc += other.would_be_earned.charge_mc
        self.would_be_picousd += other.would_be_earned.cost_picousd

    def figures(self) -> Figures:
        return Figures(
            calls=self.calls,
            was_mc=self.was_mc,
            priced_calls=self.priced_calls,
            priced_was_mc=self.priced_was_mc,
            would_be_mc=self.would_be_mc,
            was_earned=Earned(self.was_known_calls, self.was_known_mc, self.was_picousd),
            would_be_earned=Earned(
                self.would_be_known_calls, self.would_be_known_mc, self.would_be_picousd
            ),
        )


def sum_of(parts: Iterable[Figures]) -> Figures:
    """Several figures as one."""
    sums = _Sums()
    for part in parts:
        sums.add_figures(part)
    return sums.figures()


def picousd_of(amount_mc: int, credits_per_usd: int) -> int:
    """Millicredits in 10^-12 USD, down to the next one where they are no whole number."""
    return amount_mc * _PICOUSD_PER_MILLI_USD // credits_per_usd


def change_permille(was: int, would_be: int) -> int | None:
    """By how much something changed, in thousandths, to the nearest; None from nothing."""
    if not was:
        return None
    return (2000 * (would_be - was) + abs(was)) // (2 * abs(was))
