"""What a call would cost, before it is made."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Annotated, Any

import msgspec

from config.rates import ModelRates, RateTable
from config.settings import Settings
from console.handling import bad_value
from console.json import Json, credits_number, usd_number
from console.known_models import find_model
from pricing.charge import charge_mc
from pricing.chat_tokens import count_chat_prompt
from pricing.tokens import TokenCounter
from pricing.usage import Usage

Tokens = Annotated[int, msgspec.Meta(ge=0, le=10**9)]

_TEXT_PARTS = ("text", "refusal", None)
_IMAGE_PARTS = ("image_url", "image", "input_image")


class EstimateBody(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """A call that might be made: its model, its input as messages or tokens, its output limit."""

    model: str
    messages: list[dict[str, Any]] | None = None
    input_tokens: Tokens | None = None
    max_tokens: Tokens | None = None


class Estimator:
    """Estimates calls by the rates of the moment. Counting runs in `executor`, off the loop."""

    def __init__(
        self,
        rates: Callable[[], RateTable],
        counter: TokenCounter,
        executor: Executor,
        settings: Settings,
    ) -> None:
        self._rates = rates
        self._counter = counter
        self._executor = executor
        self._settings = settings

    async def estimate(self, body: EstimateBody) -> Json:
        """Tokens, credits and US dollars of the call, none of its input cached.

        Without `maxTokens` it is the most that the model writes, as for a call that sets no limit.

        Raises:
            ApiError: 404 for a model without rates, 400 with the field at fault.
        """
        model = find_model(self._rates(), body.model)
        input_tokens = await self._input_tokens(model, body)
        output_tokens = model.max_output_tokens if body.max_tokens is None else body.max_tokens
        estimated_mc = self.charge_mc(model, input_tokens, output_tokens)
        return {
            "inputTokens": input_tokens,
            "outputTokens": output_tokens,
            "estimatedCredits": credits_number(estimated_mc),
            "estimatedMillicredits": str(estimated_mc),
            "usd": usd_number(estimated_mc, self._settings.credits_per_usd),
        }

    def charge_mc(self, model: ModelRates, input_tokens: int, output_tokens: int) -> int:
        """What so many tokens cost, none of the input cached."""
        usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
        return charge_mc(usage.units(), model.rates, self._settings.rounding)

    async def _input_tokens(self, model: ModelRates, body: EstimateBody) -> int:
        if (body.messages is None) == (body.input_tokens is None):
            raise bad_value("messages", "or inputTokens is required, and not both")
        if body.messages is None:
            return body.input_tokens or 0
        if model.tokenizer is None:
            raise bad_value("messages", "of this model cannot be counted: give inputTokens")
        text_tokens = await asyncio.get_running_loop().run_in_executor(
            self._executor, count_chat_prompt, self._counter, model.tokenizer, body.messages
        )
        return text_tokens + sum(_bound_of_media(message, model) for message in body.messages)


def _bound_of_media(message: Mapping[str, Any], model: ModelRates) -> int:
    """The most tokens that a message's images and files can be."""
    parts = message.get("content")
    if not isinstance(parts, Sequence) or isinstance(parts, str):
        return 0
    kinds = [part.get("type") for part in parts if isinstance(part, Mapping)]
    images = sum(kind in _IMAGE_PARTS for kind in kinds)
    files = sum(kind not in (*_IMAGE_PARTS, *_TEXT_PARTS) for kind in kinds)
    return images * model.max_image_tokens + files * model.max_file_tokens
