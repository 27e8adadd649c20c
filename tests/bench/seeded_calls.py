"""Made-up calls for benches: models, keys, statuses and bases in the mix of a real month. Pure."""

import json
import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from config.rates import MILLIONTHS, ModelRates, Rate, RateTable
from ledger.records import Basis, Status
from pricing.charge import charge_mc, cost_picousd
from pricing.usage import Usage

# Where a rate table does not say what the provider takes: USD per million tokens.
_COSTS = {"gpt-4o-mini": {"input": 150_000, "cached_input": 75_000, "output": 600_000}}

# (status, basis, of a thousand calls). The rare ones are what filters are measured with.
_OUTCOMES: tuple[tuple[Status, Basis, int], ...] = (
    ("completed", "provider", 955),
    ("completed", "counted", 10),
    ("abandoned", "provider", 12),
    ("cut", "counted", 10),
    ("failed", "none", 11),
    ("orphaned", "estimated", 2),
)


class SeededModel(msgspec.Struct, frozen=True):
    """A model with what its rows repeat: rates and costs as stored, and per unit in picodollars."""

    rates: ModelRates
    costs: dict[str, Rate]
    rates_json: str
    costs_json: str


class SeededCall(msgspec.Struct, frozen=True):
    """One call; amounts in millicredits."""

    request_id: UUID
    model: SeededModel
    status: Status
    basis: Basis
    is_stream: bool
    usage: Usage
    units: dict[str, int]
    ceiling_mc: int
    charge_mc: int
    cost_picousd: int | None
    created_at: datetime
    latency_ms: int


def seeded_models(table: RateTable) -> list[SeededModel]:
    """The models of a rate table; those that name no costs get some if they are known here."""
    return [_model(model) for model in table.models.values()]


class CallMaker:
    """Makes calls, always the same ones for the same seed."""

    def __init__(self, models: Sequence[SeededModel], seed: int) -> None:
        self._random = random.Random(seed)
        self._models = models
        # Each model is a third as common as the one before it.
        self._model_weights = [3.0**-place for place in range(len(models))]
        self._outcomes = [outcome[:2] for outcome in _OUTCOMES]
        self._outcome_weights = [outcome[2] for outcome in _OUTCOMES]

    def call(self, ended_at: datetime) -> SeededCall:
        """A call that ended, and was posted, at `ended_at`."""
        chance = self._random
        model = chance.choices(self._models, self._model_weights)[0]
        status, basis = chance.choices(self._outcomes, self._outcome_weights)[0]
        usage = self._usage(model.rates) if status != "failed" else Usage()
        units = usage.units()
        ceiling = {"input": usage.input_tokens + 500, "output": model.rates.max_output_tokens}
        latency_ms = 200 + usage.output_tokens * 12 + chance.randrange(400)
        created_at = ended_at - timedelta(milliseconds=latency_ms)
        return SeededCall(
            request_id=uuid7_of(created_at, chance),
            model=model,
            status=status,
            basis=basis,
            is_stream=chance.random() < 0.6,
            usage=usage,
            units=units,
            ceiling_mc=charge_mc(ceiling, model.rates.rates, "millicredit"),
            charge_mc=charge_mc(units, model.rates.rates, "millicredit"),
            cost_picousd=cost_picousd(units, model.costs),
            created_at=created_at,
            latency_ms=latency_ms,
        )

    def _usage(self, model: ModelRates) -> Usage:
        chance = self._random
        input_tokens = min(int(chance.expovariate(1 / 900)) + 8, model.context_window)
        cached = input_tokens // 2 if chance.random() < 0.2 else 0
        output_tokens = min(int(chance.expovariate(1 / 250)) + 1, model.max_output_tokens)
        return Usage(input_tokens, cached, output_tokens, 0)


def uuid7_of(at: datetime, chance: random.Random) -> UUID:
    """A UUIDv7 of a moment, out of a seeded generator."""
    milliseconds = int(at.timestamp()) * 1000 + at.microsecond // 1000
    low = chance.getrandbits(74)
    number = milliseconds << 80 | 0x7 << 76 | (low >> 62) << 64 | 0b10 << 62 | low & (1 << 62) - 1
    return UUID(int=number)


def _model(model: ModelRates) -> SeededModel:
    known = _COSTS.get(model.name, {})
    costs = dict(model.costs) or {name: _cost(millionths) for name, millionths in known.items()}
    return SeededModel(model, costs, _json(model.rates), _json(costs))


def _cost(millionths: int) -> Rate:
    whole, part = divmod(millionths, MILLIONTHS)
    return Rate(f"{whole}.{part:06d}".rstrip("0"), millionths)


def _json(rates: Mapping[str, Rate]) -> str:
    return json.dumps({name: rate.text for name, rate in rates.items()})
