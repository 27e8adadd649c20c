"""What two rate tables differ in, model by model; and what a file of rates has scheduled."""

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from config.rate_book import RateBook
from config.rates import DIMENSIONS, ModelRates, Rate

_PRICES = ("rates", "costs")
_NOT_COMPARED = ("name", *_PRICES)


class Difference(msgspec.Struct, frozen=True):
    """One value that differs: a rate (`input`), a cost (`cost_input`) or a bound, as text.

    None stands for what is not there. `percent` tells how much a price goes up or down, like
    `-12.50`; None where it does not go from one price to another.
    """

    what: str
    old: str | None
    new: str | None
    percent: str | None = None


class ModelDifference(msgspec.Struct, frozen=True):
    """A model that differs; of a new or dropped one, all rates and costs."""

    model: str
    change: Literal["new", "changed", "dropped"]
    differences: tuple[Difference, ...]


class ScheduledChange(msgspec.Struct, frozen=True):
    """What will be different from a moment on, in seconds since 1970; of a retirement, nothing."""

    at_s: int
    model: str
    change: Literal["changed", "retired"]
    differences: tuple[Difference, ...]


def compare(
    old: Mapping[str, ModelRates], new: Mapping[str, ModelRates]
) -> tuple[ModelDifference, ...]:
    """The models that differ: the new table's in its order, then those that it has dropped."""
    found = []
    for name, model in new.items():
        before = old.get(name)
        differences = tuple(_differences(before, model))
        if before is None:
            found.append(ModelDifference(name, "new", differences))
        elif differences:
            found.append(ModelDifference(name, "changed", differences))
    for name, model in old.items():
        if name not in new:
            found.append(ModelDifference(name, "dropped", tuple(_differences(model, None))))
    return tuple(found)


def scheduled_after(book: RateBook, moment_s: int) -> tuple[ScheduledChange, ...]:
    """What comes into force after a moment, in the order of time; each against what was before."""
    found = []
    for plan in book.plans:
        for before, stage in zip(plan.stages, plan.stages[1:], strict=False):
            differences = tuple(_differences(before.rates, stage.rates))
            if stage.from_s is not None and stage.from_s > moment_s:
                found.append(ScheduledChange(stage.from_s, plan.name, "changed", differences))
        if plan.retire_at_s is not None and plan.retire_at_s > moment_s:
            found.append(ScheduledChange(plan.retire_at_s, plan.name, "retired", ()))
    return tuple(sorted(found, key=lambda change: change.at_s))


def percent_text(old: int, new: int) -> str | None:
    """By how many percent `new` is above `old`, rounded to two decimals: `+33.33`, `-50.00`.

    None where `old` is 0: no percentage leads away from nothing.
    """
    if old == 0:
        return None
    # Hundredths of a percent, halves away from zero; whole numbers all the way.
    hundredths = (abs(new - old) * 20_000 + old) // (2 * old)
    sign = "-" if new < old else "+"
    return f"{sign}{hundredths // 100}.{hundredths % 100:02}"


def _differences(old: ModelRates | None, new: ModelRates | None) -> Iterator[Difference]:
    for kind in _PRICES:
        before: Mapping[str, Rate] = getattr(old, kind, {})
        after: Mapping[str, Rate] = getattr(new, kind, {})
        for dimension in DIMENSIONS:
            what = dimension if kind == "rates" else f"cost_{dimension}"
            difference = _of_rates(what, before.get(dimension), after.get(dimension))
            if difference is not None:
                yield difference
    if old is None or new is None:
        return
    for name in ModelRates.__struct_fields__:
        before_text, after_text = _text(getattr(old, name)), _text(getattr(new, name))
        if name not in _NOT_COMPARED and before_text != after_text:
            yield Difference(name, before_text, after_text)


def _of_rates(what: str, old: Rate | None, new: Rate | None) -> Difference | None:
    if old is None and new is None:
        return None
    if old is None or new is None:
        texts = (None if rate is None else rate.text for rate in (old, new))
        return Difference(what, *texts)
    if old.text == new.text:
        return None
    return Difference(what, old.text, new.text, percent_text(old.millionths, new.millionths))


def _text(value: object) -> str | None:
    if value is None or value == ():
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(value) if isinstance(value, tuple) else str(value)
