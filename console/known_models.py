"""Finds a model in the rate table; one without a rate does not exist here."""

from config.moments import moment_text
from config.rates import ModelRates, RateTable
from console.errors import ApiError

_LONGEST_SHOWN = 100


def find_model(table: RateTable, name: str) -> ModelRates:
    """The model of that name.

    Raises:
        ApiError: 404; says of a retired model when that was.
    """
    model = table.models.get(name)
    if model is not None:
        return model
    shown = repr(name[:_LONGEST_SHOWN])
    retired_at_s = table.retired_at_s.get(name)
    if retired_at_s is None:
        message = f"The model {shown} does not exist or has no rate here. See GET /v1/models."
    else:
        since = moment_text(retired_at_s)
        message = f"The model {shown} was retired at {since}; it has no rate. See GET /v1/models."
    raise ApiError(404, "model_not_found", message, param="model")
