"""What a provider's answer says of its usage and of its text; whole answers and stream chunks."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, TypeVar

import msgspec

from pricing.usage import Usage

T = TypeVar("T")
Count = Annotated[int, msgspec.Meta(ge=0, le=10**12)]


class _InputDetails(msgspec.Struct, frozen=True):
    cached_tokens: Count | None = None


class _OutputDetails(msgspec.Struct, frozen=True):
    reasoning_tokens: Count | None = None


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: Count
    completion_tokens: Count
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None


class _WithUsage(msgspec.Struct, frozen=True):
    usage: _Usage | None = None


class _Function(msgspec.Struct, frozen=True):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(msgspec.Struct, frozen=True):
    function: _Function | None = None


class _Delta(msgspec.Struct, frozen=True):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_ToolCall] | None = None
    function_call: _Function | None = None

    def texts(self) -> list[str]:
        functions = [call.function for call in self.tool_calls or () if call.function]
        if self.function_call:
            functions.append(self.function_call)
        found = [self.content, self.refusal, self.reasoning_content, self.reasoning]
        for function in functions:
            found += [function.name, function.arguments]
        return [text for text in found if text]


class _Choice(msgspec.Struct, frozen=True):
    index: int = 0
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None


class Chunk(msgspec.Struct, frozen=True):
    """A chunk of a stream, or a whole answer: what was written of each choice."""

    choices: list[_Choice] | None = None
    error: msgspec.Raw | None = None

    def texts(self) -> list[tuple[int, str]]:
        """The texts of each choice, by its index."""
        return [
            (choice.index, text)
            for choice in self.choices or ()
            for part in (choice.delta, choice.message)
            if part
            for text in part.texts()
        ]

    @property
    def is_finish(self) -> bool:
        """Whether it ends a choice, or has none."""
        return not self.choices or any(choice.finish_reason for choice in self.choices)


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_decode_usage = msgspec.json.Decoder(_WithUsage).decode
_decode_chunk = msgspec.json.Decoder(Chunk).decode
# Of a message or a delta, these are no output of the model's.
_NO_TEXTS = frozenset({"role", "type", "id", "index"})


def read_usage(data: bytes) -> Usage | None:
    """The usage object at depth one of an answer or a chunk; None where there is no sound one."""
    try:
        found = _decode_usage(data).usage
    except _UNREADABLE:
        found = _convert(_loose_object(data).get("usage"), _Usage)
    if found is None:
        return None
    cached = found.prompt_tokens_details and found.prompt_tokens_details.cached_tokens
    reasoning = found.completion_tokens_details and found.completion_tokens_details.reasoning_tokens
    return Usage(
        input_tokens=found.prompt_tokens,
        cached_input_tokens=min(cached or 0, found.prompt_tokens),
        output_tokens=found.completion_tokens,
        reasoning_tokens=min(reasoning or 0, found.completion_tokens),
    )


def read_chunk(data: bytes) -> Chunk | None:
    """The chunk, or None where the data is none; of an unusual one, all that it says."""
    try:
        return _decode_chunk(data)
    except _UNREADABLE:
        return _loose_chunk(_loose_object(data))


def is_json_object(data: bytes) -> bool:
    """Whether an answer is one whole JSON object."""
    try:
        msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except _UNREADABLE:
        return bool(_loose_object(data))
    return True


def _loose_object(data: bytes) -> dict[str, Any]:
    """An object in JSON as some providers write it: with NaN, or half a surrogate pair."""
    try:
        decoded = json.loads(data, parse_int=_bounded_int)
    except (ValueError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _bounded_int(text: str) -> int | str:
    return int(text) if len(text) < 20 else text


def _convert(value: object, shape: type[T]) -> T | None:
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError:
        return None


def _loose_chunk(fields: dict[str, Any]) -> Chunk | None:
    if not fields:
        return None
    choices = fields.get("choices")
    error = msgspec.Raw(b"{}") if fields.get("error") is not None else None
    given = choices if isinstance(choices, list) else []
    return Chunk([_loose_choice(choice) for choice in given if isinstance(choice, dict)], error)


def _loose_choice(choice: dict[str, Any]) -> _Choice:
    index = choice.get("index")
    texts = [text for part in ("delta", "message") for text in _strings(choice.get(part))]
    return _Choice(
        index=index if isinstance(index, int) else 0,
        delta=_Delta(content="".join(texts)),
        finish_reason="other" if choice.get("finish_reason") else None,
    )


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name not in _NO_TEXTS:
                yield from _strings(item)


def with_charge(data: bytes, charged: msgspec.Raw, charged_mc: int) -> bytes:
    """A usage chunk's data with what the call was charged, inside its usage object."""
    fields: dict[str, Any] = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    usage: dict[str, Any] = msgspec.json.decode(fields["usage"], type=dict[str, msgspec.Raw])
    usage["credits_charged"] = charged
    usage["credits_charged_millicredits"] = str(charged_mc)
    fields["usage"] = usage
    return msgspec.json.encode(fields)
