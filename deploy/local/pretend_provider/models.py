"""The models that the pretend provider knows."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PretendModel:
    """A model as requests name it, and what it can do. Sizes are in tokens."""

    name: str
    dated_name: str
    created: int
    context_window: int
    max_output_tokens: int
    # Reasoning models refuse `max_tokens` and want `max_completion_tokens`.
    takes_max_tokens: bool = True


PRETEND_MODELS = (
    PretendModel("gpt-4o-mini", "gpt-4o-mini-2024-07-18", 1721172741, 128_000, 16_384),
    PretendModel("gpt-4o", "gpt-4o-2024-08-06", 1722814719, 128_000, 16_384),
    PretendModel(
        "o4-mini", "o4-mini-2025-04-16", 1744225351, 200_000, 100_000, takes_max_tokens=False
    ),
)


def by_name(models: Iterable[PretendModel]) -> dict[str, PretendModel]:
    """Models by every name that a request may use."""
    return {name: model for model in models for name in (model.name, model.dated_name)}
