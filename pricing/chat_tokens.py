"""Counting the prompt of a chat completion the way OpenAI bills it.

Each message costs three tokens around its texts, a name costs one more, and three tokens prime
the reply. Images, audio and files are no text, and tool definitions are no messages: who needs
them adds them.
"""

from collections.abc import Iterator, Mapping, Sequence

from pricing.tokens import TokenCounter

TOKENS_PER_MESSAGE = 3
TOKENS_PER_NAME = 1
TOKENS_PER_REPLY = 3


def count_chat_prompt(counter: TokenCounter, encoding: str, messages: Sequence[object]) -> int:
    """The prompt tokens of `messages`, which are decoded JSON: a list of objects.

    What has no text of a known shape counts nothing. Blocks; raises what `TokenCounter.count`
    raises.
    """
    objects = [message for message in messages if isinstance(message, Mapping)]
    names = sum(isinstance(message.get("name"), str) for message in objects)
    return (
        counter.count_all(encoding, _texts(objects))
        + TOKENS_PER_MESSAGE * len(objects)
        + TOKENS_PER_NAME * names
        + TOKENS_PER_REPLY
    )


def _texts(messages: list[Mapping[str, object]]) -> Iterator[str]:
    for message in messages:
        for field, value in message.items():
            if isinstance(value, str):
                yield value
            elif field == "content":
                yield from _part_texts(value)
            elif field == "tool_calls":
                yield from _tool_call_texts(value)
            elif field == "function_call":
                yield from _strings(value, "name", "arguments")


def _part_texts(parts: object) -> Iterator[str]:
    if isinstance(parts, list):
        for part in parts:
            if isinstance(part, str):
                yield part
            yield from _strings(part, "text", "refusal")


def _tool_call_texts(tool_calls: object) -> Iterator[str]:
    if isinstance(tool_calls, list):
        for tool_call in tool_calls:
            if isinstance(tool_call, Mapping):
                yield from _strings(tool_call.get("function"), "name", "arguments")
                yield from _strings(tool_call.get("custom"), "name", "input")


def _strings(value: object, *fields: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for field in fields:
            text = value.get(field)
            if isinstance(text, str):
                yield text
