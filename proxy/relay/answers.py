"""What a provider's answer says; whole answers and stream chunks, also where written unusually."""

from collections.abc import Iterator
from typing import Any

import msgspec

from proxy.relay.loose_json import UNREADABLE, loose_object

# SDKs take these for no error; some providers write one into every chunk.
_NO_ERROR = frozenset({b"null", b"false", b"0", b'""', b"{}", b"[]"})
_DONE = "[DONE]"


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
    def has_error(self) -> bool:
        """Whether it says that something went wrong."""
        return self.error is not None and bytes(self.error) not in _NO_ERROR

    @property
    def is_finish(self) -> bool:
        """Whether it ends a choice, or has none."""
        return not self.choices or any(choice.finish_reason for choice in self.choices)


_decode_chunk = msgspec.json.Decoder(Chunk).decode
# Of a message or a delta, these are no output of the model's.
_NO_TEXTS = frozenset({"role", "type", "id", "index"})


def read_chunk(data: bytes) -> Chunk | None:
    """The chunk, or None where the data is none; of an unusual one, all that it says."""
    try:
        return _decode_chunk(data)
    except UNREADABLE:
        return _loose_chunk(loose_object(data))


def read_texts(data: bytes) -> list[tuple[int, str]]:
    """All that a chunk or an answer says, by choice, whatever its shape: none is free."""
    chunk = read_chunk(data)
    if chunk is None:
        text = data.decode(errors="replace").strip()
        return [(0, text)] if text not in ("", _DONE) else []
    texts = chunk.texts()
    if not texts and chunk.choices:  # perhaps in fields that are not known
        chunk = _loose_chunk(loose_object(data))
        texts = chunk.texts() if chunk else []
    return texts


def _loose_chunk(fields: dict[str, Any]) -> Chunk | None:
    if not fields:
        return None
    choices = fields.get("choices")
    error = msgspec.Raw(b"true") if fields.get("error") else None
    given = choices if isinstance(choices, list) else []
    return Chunk([_loose_choice(choice) for choice in given if isinstance(choice, dict)], error)


def _loose_choice(choice: dict[str, Any]) -> _Choice:
    index = choice.get("index")
    parts = ("delta", "message", "text")
    texts = [text for part in parts for text in _strings(choice.get(part))]
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
