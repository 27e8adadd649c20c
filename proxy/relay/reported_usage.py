"""The usage object of an answer or of a chunk, in the shapes that providers give it."""

from typing import Annotated, Any

import msgspec

from pricing.usage import Usage
from proxy.relay.loose_json import UNREADABLE, loose_object

Count = Annotated[int, msgspec.Meta(ge=0, le=10**12)]


class _InputDetails(msgspec.Struct, frozen=True):
    cached_tokens: Count | None = None


class _OutputDetails(msgspec.Struct, frozen=True):
    reasoning_tokens: Count | None = None


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Any = None
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None
    # Where some providers say how much of the input they had cached.
    prompt_cache_hit_tokens: Count | None = None
    cached_tokens: Count | None = None

    def cached(self) -> int:
        """How much of the input was cached."""
        details = self.prompt_tokens_details
        in_details = details.cached_tokens if details else None
        told = (in_details, self.prompt_cache_hit_tokens, self.cached_tokens)
        return min(next((count for count in told if count is not None), 0), self.prompt_tokens)

    def reasoning(self) -> int:
        """How much was thought, whether or not it is part of the output."""
        details = self.completion_tokens_details
        return (details.reasoning_tokens or 0) if details else 0

    def beside_output(self, *, hides_reasoning: bool) -> int:
        """Output that stands in the total only.

        Some providers count what was thought beside the output. The total is believed where it
        says exactly that, and where the model is known to think unseen.
        """
        if not isinstance(self.total_tokens, int):
            return 0
        beside = self.total_tokens - self.prompt_tokens - self.completion_tokens
        is_told = beside > 0 and (hides_reasoning or beside == self.reasoning())
        return beside if is_told else 0


class _WithUsage(msgspec.Struct, frozen=True):
    usage: _Usage | None = None


_decode_usage = msgspec.json.Decoder(_WithUsage).decode


def read_usage(data: bytes, *, hides_reasoning: bool = False) -> Usage | None:
    """The usage object at depth one of an answer or a chunk; None where there is no sound one."""
    try:
        told = _decode_usage(data).usage
    except UNREADABLE:
        told = _converted(loose_object(data).get("usage"))
    if told is None:
        return None
    beside = told.beside_output(hides_reasoning=hides_reasoning)
    output_tokens = told.completion_tokens + beside
    return Usage(
        input_tokens=told.prompt_tokens,
        cached_input_tokens=told.cached(),
        output_tokens=output_tokens,
        reasoning_tokens=min(max(told.reasoning(), beside), output_tokens),
    )


def names_usage(data: bytes) -> bool:
    """Whether there is a usage object at depth one, sound or not."""
    return isinstance(loose_object(data).get("usage"), dict)


def with_charge(data: bytes, charged: msgspec.Raw, charged_mc: int) -> bytes:
    """A usage chunk's data with what the call was charged, inside its usage object."""
    fields: dict[str, Any] = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    usage: dict[str, Any] = msgspec.json.decode(fields["usage"], type=dict[str, msgspec.Raw])
    usage["credits_charged"] = charged
    usage["credits_charged_millicredits"] = str(charged_mc)
    fields["usage"] = usage
    return msgspec.json.encode(fields)


def _converted(value: object) -> _Usage | None:
    try:
        return msgspec.convert(value, _Usage)
    except msgspec.ValidationError:
        return None
