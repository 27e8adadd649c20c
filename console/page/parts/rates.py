"""The rate card, and the estimator that calculates with it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from config.rates import DIMENSIONS, ModelRates, RateTable
from console.estimate import Estimator
from console.page.query import PageQuery
from console.page.visitor import Visitor

_INPUT_TOKENS, _OUTPUT_TOKENS = 1000, 500  # what the form suggests


class RatesPart:
    """Credits per 1,000 units, by model and dimension."""

    name = "rates"
    title = "Rates"

    def __init__(self, rates: Callable[[], RateTable]) -> None:
        self._rates = rates

    async def load(self, _visitor: Visitor, _query: PageQuery) -> Mapping[str, object]:
        table = self._rates()
        models = list(table.models.values())
        return {
            "table": table,
            "models": models,
            "dimensions": [one for one in DIMENSIONS if any(one in m.rates for m in models)],
            "updated_at": datetime.fromtimestamp(table.updated_at_s, UTC),
            "example": max(models, key=_input_rate, default=None),
        }


class EstimatorPart:
    """A form whose answers come from the API, but for the first one."""

    name = "estimator"
    title = "Cost estimator"

    def __init__(self, rates: Callable[[], RateTable], estimator: Estimator) -> None:
        self._rates = rates
        self._estimator = estimator

    async def load(self, _visitor: Visitor, _query: PageQuery) -> Mapping[str, object]:
        table = self._rates()
        first = next(iter(table.models.values()), None)
        return {
            "table": table,
            "input_tokens": _INPUT_TOKENS,
            "output_tokens": _OUTPUT_TOKENS,
            "charge_mc": first and self._estimator.charge_mc(first, _INPUT_TOKENS, _OUTPUT_TOKENS),
        }


def _input_rate(model: ModelRates) -> int:
    return model.rates["input"].millionths
