"""Reads `rates.toml` into a validated table of exact rates."""

import hashlib
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from config.errors import ConfigError
from config.toml_file import convert, load_toml

FILE_NAME = "rates.toml"
DIMENSIONS = ("input", "cached_input", "output")
MILLIONTHS = 1_000_000

Tokens = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
PositiveTokens = Annotated[int, msgspec.Meta(ge=1, le=10**9)]
LimitField = Literal["max_tokens", "max_completion_tokens"]
Encoding = Literal["o200k_base", "o200k_harmony", "cl100k_base", "p50k_base", "r50k_base"]

_RATE = re.compile(r"[0-9]{1,7}(\.[0-9]{1,6})?")


class _ModelTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
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


class Rate(msgspec.Struct, frozen=True):
    """A price as written, and as an integer.

    What customers pay: credits per 1,000 units, in millionths of a millicredit per unit (credits
    per 1,000 units and millicredits per unit are the same number). What a provider takes: USD per
    million units, in picodollars per unit (10^-12 USD).
    """

    text: str
    millionths: int


class ModelRates(msgspec.Struct, frozen=True, kw_only=True):
    """What one model costs and what bounds a call to it; token counts throughout.

    `costs` is what the provider takes, by dimension; empty where nobody has said.
    """

    name: str
    label: str
    upstream: str
    rates: Mapping[str, Rate]
    costs: Mapping[str, Rate] = {}
    context_window: int
    max_output_tokens: int
    max_image_tokens: int
    max_file_tokens: int
    input_overhead_tokens: int
    tokenizer: str | None
    limit_fields: tuple[str, ...]
    limit_field: str
    hidden_reasoning: bool


class RateTable(msgspec.Struct, frozen=True, kw_only=True):
    """All rates at a time. The version is a hash of what the table says."""

    version: str
    updated_at_s: int
    models: Mapping[str, ModelRates]


def load_rates(folder: Path, upstreams: frozenset[str]) -> RateTable:
    """The table in a folder's `rates.toml`; raises as `read_rates` does."""
    return read_rates(folder / FILE_NAME, upstreams)


def read_rates(path: Path, upstreams: frozenset[str]) -> RateTable:
    """The table in a file.

    Raises:
        ConfigError: names the file, the key and what would be right.
    """
    tables = load_toml(path)
    unknown = sorted(set(tables) - {"models"})
    if unknown:
        raise ConfigError(str(path), unknown[0], "is not a known key")
    models = tables.get("models")
    if not isinstance(models, dict) or not models:
        raise ConfigError(str(path), "models", "the table needs at least one model")
    read = {name: _model(name, table, str(path), upstreams) for name, table in models.items()}
    return RateTable(
        version=_version(read),
        updated_at_s=int(path.stat().st_mtime),
        models=read,
    )


def _model(name: str, table: object, source: str, upstreams: frozenset[str]) -> ModelRates:
    key = f'models."{name}"'
    given = convert(table, _ModelTable, source, key)
    if given.upstream not in upstreams:
        known = ", ".join(sorted(upstreams)) or "none"
        raise ConfigError(
            source, f"{key}.upstream", f"{given.upstream!r} is not an upstream (known: {known})"
        )
    if given.limit_field not in given.limit_fields:
        raise ConfigError(source, f"{key}.limit_field", "must be one of limit_fields")
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


def _costs(given: _ModelTable, source: str, key: str) -> dict[str, Rate]:
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


def _version(models: dict[str, ModelRates]) -> str:
    return hashlib.sha256(msgspec.json.encode(models, order="sorted")).hexdigest()[:12]
