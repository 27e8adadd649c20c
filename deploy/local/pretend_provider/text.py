"""The text of pretend answers, one token at a time."""

import json
from collections.abc import Callable

OPENING = (
    "This is a pretend answer from Tollgate's pretend provider; no model was called. It has the "
    "shape of a real answer, and its usage is counted with the real tokenizer, so that what you "
    "see charged is what such a call would cost."
)
MORE = " This sentence only makes the pretend answer as long as it was asked to be."

CountTokens = Callable[[str], int]


class PretendText:
    """The opening, then the same sentence again and again: any number of tokens, exactly."""

    def __init__(self, count_tokens: CountTokens) -> None:
        self._opening = _split_into_tokens(count_tokens, OPENING)
        self._more = _split_into_tokens(count_tokens, MORE)
        self._opening_deltas = _deltas(self._opening)
        self._more_deltas = _deltas(self._more)

    @property
    def natural_tokens(self) -> int:
        """The length of an answer that nobody asked to be longer or shorter."""
        return len(self._opening)

    def text(self, tokens: int) -> str:
        """The first `tokens` tokens."""
        return "".join((self._opening + self._more * self._repeats(tokens))[:tokens])

    def deltas(self, tokens: int) -> list[bytes]:
        """The same as JSON deltas of a stream, one token each."""
        return (self._opening_deltas + self._more_deltas * self._repeats(tokens))[:tokens]

    def _repeats(self, tokens: int) -> int:
        return max(0, -(-(tokens - len(self._opening)) // len(self._more)))


def _split_into_tokens(count_tokens: CountTokens, text: str) -> list[str]:
    # For each number of tokens the longest beginning of the text that has so many: then whoever
    # counts the tokens of a text that was cut finds the number that was reported.
    ends = {count_tokens(text[:end]): end for end in range(len(text) + 1)}
    return [text[ends[tokens] : ends[tokens + 1]] for tokens in range(len(ends) - 1)]


def _deltas(pieces: list[str]) -> list[bytes]:
    return [b'{"content":' + json.dumps(piece).encode() + b"}" for piece in pieces]
