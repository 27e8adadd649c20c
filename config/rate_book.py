"""A parsed `rates.toml`: the rates of the present, and those that are scheduled."""

from pathlib import Path

import msgspec

from config.errors import ConfigError
from config.model_plan import ModelPlan, read_model
from config.moments import EXAMPLE
from config.rates import FILE_NAME, RateTable, version_of
from config.toml_file import parse_toml, read_text


class RateBook(msgspec.Struct, frozen=True):
    """All that a file says. `since_s` (seconds since 1970) is when it came to be as it is."""

    source: str
    since_s: int
    plans: tuple[ModelPlan, ...]

    def table_at(self, moment_s: int) -> RateTable:
        """The table in force then, in seconds since 1970."""
        stages = [stage for plan in self.plans if (stage := plan.stage_at(moment_s)) is not None]
        models = {stage.rates.name: stage.rates for stage in stages}
        past = [moment for moment in self.moments() if moment <= moment_s]
        return RateTable(
            version=version_of(models),
            updated_at_s=max(self.since_s, *past[-1:]) if past else self.since_s,
            models=models,
            retired_at_s={
                plan.name: plan.retire_at_s
                for plan in self.plans
                if plan.retire_at_s is not None and plan.retire_at_s <= moment_s
            },
        )

    def next_change_s(self, moment_s: int) -> int | None:
        """The first moment after this one at which a rate changes or a model retires."""
        return next((moment for moment in self.moments() if moment > moment_s), None)

    def moments(self) -> list[int]:
        """All moments at which something changes, past ones too, in the order of time."""
        return sorted({moment for plan in self.plans for moment in plan.moments()})


def load_rate_book(folder: Path, upstreams: frozenset[str]) -> RateBook:
    """The book in a folder's `rates.toml`; raises as `read_rate_book` does."""
    return read_rate_book(folder / FILE_NAME, upstreams)


def read_rate_book(path: Path, upstreams: frozenset[str]) -> RateBook:
    """The book in a file; `upstreams` are the names that models may be served by.

    Raises:
        ConfigError: names the file, the key and what would be right.
    """
    text = read_text(path)
    return parse_rate_book(text, str(path), upstreams, since_s=int(path.stat().st_mtime))


def parse_rate_book(
    text: str, source: str, upstreams: frozenset[str], *, since_s: int = 0
) -> RateBook:
    """The book in a text; errors call it `source`.

    Raises:
        ConfigError: names the source, the key and what would be right.
    """
    tables = parse_toml(text, source)
    unknown = sorted(set(tables) - {"models"})
    if unknown:
        raise ConfigError(source, unknown[0], _why_not(unknown[0]))
    models = tables.get("models")
    if not isinstance(models, dict) or not models:
        raise ConfigError(source, "models", "the table needs at least one model")
    plans = (read_model(name, table, source, upstreams) for name, table in models.items())
    return RateBook(source, since_s, tuple(plans))


def _why_not(key: str) -> str:
    if key != "effective_from":
        return "is not a known key"
    return (
        'belongs to a change of one model: [[models."gpt-4o".changes]] with '
        f"effective_from = {EXAMPLE} and the rates from then on"
    )
