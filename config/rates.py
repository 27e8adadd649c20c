"""What a rate table is: exact rates of each model, and the version of them all."""

import hashlib
from collections.abc import Mapping

import msgspec

FILE_NAME = "rates.toml"
DIMENSIONS = ("input", "cached_input", "output")
MILLIONTHS = 1_000_000


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
    """All rates at a time. The version is a hash of what the table says.

    `updated_at_s` is when it came into force, `retired_at_s` when models that had rates lost them;
    both in seconds since 1970.
    """

    version: str
    updated_at_s: int
    models: Mapping[str, ModelRates]
    retired_at_s: Mapping[str, int] = {}


def version_of(models: Mapping[str, ModelRates]) -> str:
    """The version of a table: 12 hexadecimal digits, the same wherever the models are."""
    return hashlib.sha256(msgspec.json.encode(models, order="sorted")).hexdigest()[:12]
