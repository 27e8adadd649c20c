"""The rate card, and the estimator that calculates with it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from config.rates import DIMENSIONS, ModelRates, RateTable
from console.page.query import PageQuery
from console.page.visitor import Visitor

_SUGGESTED_OUTPUT_TOKENS = 500


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
    """A form whose answers come from the API."""

    name = "estimator"
    title = "Cost estimator"

    def __init__(self, rates: Callable[[], RateTable]) -> None:
        self._rates = rates

    async def load(self, _visitor: Visitor, _query: PageQuery) -> Mapping[str, object]:
        return {"table": self._rates(), "output_tokens": _SUGGESTED_OUTPUT_TOKENS}


def _input_rate(model: ModelRates) -> int:
    return model.rates["input"].millionths
