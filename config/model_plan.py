"""Reads one model of `rates.toml`: its rates, the changes that are scheduled, its retirement."""

import re
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from config.errors import ConfigError
from config.moments import EXAMPLE, moment_text, read_moment
from config.rates import DIMENSIONS, MILLIONTHS, ModelRates, Rate
from config.toml_file import convert

Tokens = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
PositiveTokens = Annotated[int, msgspec.Meta(ge=1, le=10**9)]
LimitField = Literal["max_tokens", "max_completion_tokens"]
Encoding = Literal["o200k_base", "o200k_harmony", "cl100k_base", "p50k_base", "r50k_base"]

_RATE = re.compile(r"[0-9]{1,7}(\.[0-9]{1,6})?")
_NUL = "\0"


class ModelTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A model as the file writes it."""

    label: str = ""
    upstream: str
    input: str
    output: str
    cached_input: str | None = None
    cost_input: str | None = None
    cost_cached_input: str | None = None
    cost_output: str | None = None
    context_window: PositiveTokens
    max_output_tokens: PositiveTokens
    max_image_tokens: PositiveTokens | None = None
    max_file_tokens: PositiveTokens | None = None
    input_overhead_tokens: Tokens = 16
    tokenizer: Encoding | None = None
    limit_fields: tuple[LimitField, ...] = ("max_tokens", "max_completion_tokens")
    limit_field: LimitField = "max_tokens"
    hidden_reasoning: bool = False
    retire_at: Any = None
    changes: tuple[dict[str, Any], ...] = ()


class ChangeTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A change as the file writes it: what it names replaces what was there before."""

    effective_from: Any
    label: str | None = None
    input: str | None = None
    output: str | None = None
    cached_input: str | None = None
    cost_input: str | None = None
    cost_cached_input: str | None = None
    cost_output: str | None = None
    context_window: PositiveTokens | None = None
    max_output_tokens: PositiveTokens | None = None
    max_image_tokens: PositiveTokens | None = None
    max_file_tokens: PositiveTokens | None = None
    input_overhead_tokens: Tokens | None = None


class Stage(msgspec.Struct, frozen=True):
    """What a model costs from a moment on; the first one from ever on (None). In seconds."""

    from_s: int | None
    rates: ModelRates


class ModelPlan(msgspec.Struct, frozen=True):
    """All that a file says of a model: its stages in the order of time, and its end."""

    name: str
    stages: tuple[Stage, ...]
    retire_at_s: int | None

    def stage_at(self, moment_s: int) -> Stage | None:
        """What it costs then; None where it is retired."""
        if self.retire_at_s is not None and self.retire_at_s <= moment_s:
            return None
        return next(
            one for one in reversed(self.stages) if one.from_s is None or one.from_s <= moment_s
        )

    def moments(self) -> list[int]:
        """When it changes, in the order of time."""
        moments = [stage.from_s for stage in self.stages if stage.from_s is not None]
        return moments if self.retire_at_s is None else [*moments, self.retire_at_s]


def read_model(name: str, table: object, source: str, upstreams: frozenset[str]) -> ModelPlan:
    """The plan of one model.

    Raises:
        ConfigError: names the key and what would be right.
    """
    key = f'models."{name}"'
    if not name or _NUL in name:  # the ledger could keep neither
        raise ConfigError(source, "models", f"{name!r} is not the name of a model")
    if isinstance(table, dict) and "effective_from" in table:
        raise ConfigError(source, f"{key}.effective_from", _belongs_to_a_change(key))
    given = convert(table, ModelTable, source, key)
    _check(given, source, key, upstreams)
    fields = {name: getattr(given, name) for name in ModelTable.__struct_fields__}
    stages = [Stage(None, _rates_of(name, given, source, key))]
    for from_s, change_key, change in _in_order(given.changes, source, key):
        fields |= change
        changed = convert(fields, ModelTable, source, change_key)
        stages.append(Stage(from_s, _rates_of(name, changed, source, change_key)))
    return ModelPlan(name, tuple(stages), _retirement(given, stages, source, key))


def _check(given: ModelTable, source: str, key: str, upstreams: frozenset[str]) -> None:
    if given.upstream not in upstreams:
        known = ", ".join(sorted(upstreams)) or "none"
        raise ConfigError(
            source, f"{key}.upstream", f"{given.upstream!r} is not an upstream (known: {known})"
        )
    if given.limit_field not in given.limit_fields:
        raise ConfigError(source, f"{key}.limit_field", "must be one of limit_fields")


def _in_order(
    changes: tuple[dict[str, Any], ...], source: str, key: str
) -> list[tuple[int, str, dict[str, Any]]]:
    """The moment, the key and the fields of each change, by the moments."""
    keys_by_moment: dict[int, str] = {}
    found = []
    for place, table in enumerate(changes):
        change_key = f"{key}.changes[{place}]"
        given = convert(table, ChangeTable, source, change_key)
        from_s = read_moment(given.effective_from, source, f"{change_key}.effective_from")
        earlier = keys_by_moment.setdefault(from_s, change_key)
        if earlier != change_key:
            reason = f"{moment_text(from_s)} is the time of {earlier} already: make one of the two"
            raise ConfigError(source, f"{change_key}.effective_from", reason)
        fields = {name: value for name, value in table.items() if name != "effective_from"}
        if not fields:
            raise ConfigError(source, change_key, 'changes nothing: add a rate like input = "2.4"')
        found.append((from_s, change_key, fields))
    return sorted(found, key=lambda one: one[0])


def _retirement(given: ModelTable, stages: list[Stage], source: str, key: str) -> int | None:
    if given.retire_at is None:
        return None
    retire_at_s = read_moment(given.retire_at, source, f"{key}.retire_at")
    last_s = stages[-1].from_s
    if last_s is not None and last_s >= retire_at_s:
        reason = f"is not after the last change, which is from {moment_text(last_s)} on"
        raise ConfigError(source, f"{key}.retire_at", reason)
    return retire_at_s


def _rates_of(name: str, given: ModelTable, source: str, key: str) -> ModelRates:
    if _NUL in given.label:  # the ledger could not keep it
        raise ConfigError(source, f"{key}.label", f"{given.label!r} is not a label")
    texts = {dimension: getattr(given, dimension) for dimension in DIMENSIONS}
    if texts["cached_input"] is None:
        texts["cached_input"] = given.input
    return ModelRates(
        name=name,
        label=given.label or name,
        upstream=given.upstream,
        rates={dim: _rate(text, source, f"{key}.{dim}") for dim, text in texts.items()},
        costs=_costs(given, source, key),
        context_window=given.context_window,
        max_output_tokens=given.max_output_tokens,
        max_image_tokens=given.max_image_tokens or given.context_window,
        max_file_tokens=given.max_file_tokens or given.context_window,
        input_overhead_tokens=given.input_overhead_tokens,
        tokenizer=given.tokenizer,
        limit_fields=given.limit_fields,
        limit_field=given.limit_field,
        hidden_reasoning=given.hidden_reasoning,
    )


def _costs(given: ModelTable, source: str, key: str) -> dict[str, Rate]:
    texts = {dimension: getattr(given, f"cost_{dimension}") for dimension in DIMENSIONS}
    if not any(texts.values()):
        return {}
    for dimension in ("input", "output"):
        if texts[dimension] is None:
            reason = "is missing: give the costs of input and output, or none"
            raise ConfigError(source, f"{key}.cost_{dimension}", reason)
    texts["cached_input"] = texts["cached_input"] or texts["input"]
    unit = "USD per million tokens"
    return {
        dimension: _rate(text, source, f"{key}.cost_{dimension}", unit)
        for dimension, text in texts.items()
    }


def _rate(text: str, source: str, key: str, unit: str = "credits per 1,000 tokens") -> Rate:
    if not _RATE.fullmatch(text):
        raise ConfigError(source, key, f'{text!r} is not a rate: write {unit} like "2.4"')
    return Rate(text=text, millionths=int(Decimal(text) * MILLIONTHS))


def _belongs_to_a_change(key: str) -> str:
    return (
        "belongs to a change: leave the rates of today here, and schedule others by "
        f"[[{key}.changes]] with effective_from = {EXAMPLE} and what they will be"
    )
