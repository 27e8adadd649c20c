"""What a request is answered with: the message, its pieces, and how many tokens they are."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from deploy.local.pretend_provider.chat_request import ChatRequest
from deploy.local.pretend_provider.errors import invalid
from deploy.local.pretend_provider.knobs import Knobs
from deploy.local.pretend_provider.text import CountTokens, PretendText
from deploy.local.pretend_provider.tools import ForcedTool

_PIECES = re.compile(r"\w+|\W")


@dataclass(frozen=True, slots=True)
class Answer:
    """One choice of an answer; every choice of it is the same.

    `deltas` are the JSON deltas of a stream, of which the first has the role. Tokens are those of
    one choice; `tokens` includes `reasoning_tokens`.
    """

    message: dict[str, Any]
    deltas: Sequence[bytes]
    finish_reason: str
    tokens: int
    reasoning_tokens: int


def answer(chat: ChatRequest, knobs: Knobs, text: PretendText, count_tokens: CountTokens) -> Answer:
    """Answer a request. Raises ProviderError (400) where a knob does not fit the request."""
    reasoning_tokens = min(knobs.reasoning_tokens, chat.limit_tokens)
    left = chat.limit_tokens - reasoning_tokens
    if chat.forced_tool is None:
        return _answer_text(knobs, text, reasoning_tokens, left)
    if knobs.output_tokens is not None:
        message = "The header x-pretend-output-tokens cannot be used where a tool must be called."
        raise invalid(message, "x-pretend-output-tokens", "invalid_pretend_header")
    return _answer_tool_call(chat.forced_tool, count_tokens, reasoning_tokens, left)


def _answer_text(knobs: Knobs, text: PretendText, reasoning_tokens: int, left: int) -> Answer:
    wanted = text.natural_tokens
    if knobs.output_tokens is not None:
        wanted = knobs.output_tokens - knobs.reasoning_tokens
    tokens = min(wanted, left)
    return Answer(
        message=_message(content=text.text(tokens)),
        deltas=[_delta(role="assistant", content="", refusal=None), *text.deltas(tokens)],
        finish_reason="stop" if tokens == wanted else "length",
        tokens=reasoning_tokens + tokens,
        reasoning_tokens=reasoning_tokens,
    )


def _answer_tool_call(
    tool: ForcedTool, count_tokens: CountTokens, reasoning_tokens: int, left: int
) -> Answer:
    arguments = _cut(tool.arguments, count_tokens, left - count_tokens(tool.name))
    call_id = f"call_{secrets.token_hex(12)}"
    call = _call(call_id, tool.name, arguments)
    first = _delta(
        role="assistant",
        content=None,
        tool_calls=[{"index": 0, **_call(call_id, tool.name, "")}],
        refusal=None,
    )
    return Answer(
        message=_message(content=None, tool_calls=[call]),
        deltas=[first, *map(_argument_delta, _PIECES.findall(arguments))],
        finish_reason=tool.finish_reason if arguments == tool.arguments else "length",
        # A name alone can be longer than the limit; the limit holds all the same.
        tokens=reasoning_tokens + min(left, count_tokens(tool.name) + count_tokens(arguments)),
        reasoning_tokens=reasoning_tokens,
    )


def _cut(text: str, count_tokens: CountTokens, tokens: int) -> str:
    """The beginning of `text` that has at most so many tokens, found by halving."""
    if count_tokens(text) <= tokens:
        return text
    fits, exceeds = 0, len(text)
    while exceeds - fits > 1:
        middle = (fits + exceeds) // 2
        if count_tokens(text[:middle]) <= tokens:
            fits = middle
        else:
            exceeds = middle
    return text[:fits]


def _message(content: str | None, **fields: object) -> dict[str, Any]:
    return {"role": "assistant", "content": content, "refusal": None, "annotations": [], **fields}


def _call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def _argument_delta(piece: str) -> bytes:
    return _delta(tool_calls=[{"index": 0, "function": {"arguments": piece}}])


def _delta(**fields: object) -> bytes:
    return msgspec.json.encode(fields)
