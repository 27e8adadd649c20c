"""Counting the tokens of any text, however hostile, in bounded time and without undercounting.

A tokenizer is fast on text that people write, but a single run of a million characters without a
break costs it seconds, and white space of that length makes it panic. So a long text is taken in
windows that end where every tokenizer ends a token anyway. What cannot be taken so is counted by
its UTF-8 bytes: a token is at least one byte, so that is never too little.
"""

import re
from collections.abc import Callable, Iterable, Iterator

Encode = Callable[[str], list[int]]

# More than this at once is slow (0.3 µs a character), and from 1,000,000 on the tokenizer panics.
WINDOW_CHARACTERS = 100_000
# Counted exactly, over all texts of a call; what is beyond is counted by its bytes. Normal text of
# a million tokens fits in; the worst text of this length takes about a second.
EXACT_CHARACTERS = 4_000_000
# What a text costs at least of that bound, so that a million tiny texts are bounded as well.
_TEXT_COST_CHARACTERS = 100

# Places where a token ends in every encoding, whatever stands before and after: between a letter
# or digit and white space, and between a single line feed and a letter or digit.
_TOKEN_ENDS = re.compile(r"(?<=[^\W_])(?=\s)|(?<=\S\n)(?=[^\W_])")


def count_bounded(
    encode: Encode,
    texts: Iterable[str],
    *,
    window_characters: int = WINDOW_CHARACTERS,
    exact_characters: int = EXACT_CHARACTERS,
) -> int:
    """The tokens of all texts together: exact for usual texts, else an upper bound.

    Counted by bytes instead: a run without a break that is longer than a window, and all that
    comes after the first `exact_characters`.
    """
    tokens = 0
    left = exact_characters
    for text in texts:
        if left <= 0:
            tokens += byte_length(text)
            continue
        tokens += _count_text(encode, text, window_characters, left)
        left -= max(len(text), _TEXT_COST_CHARACTERS)
    return tokens


def byte_length(text: str) -> int:
    """Its UTF-8 bytes. A lone surrogate, which JSON can carry, counts as its three bytes."""
    return len(text.encode("utf-8", "surrogatepass"))


def _count_text(encode: Encode, text: str, window_characters: int, exact_characters: int) -> int:
    tokens = 0
    position = 0
    for segment, exact in _segments(text, window_characters):
        if position + len(segment) > exact_characters:
            return tokens + byte_length(text[position:])
        tokens += _count_segment(encode, segment) if exact else byte_length(segment)
        position += len(segment)
    return tokens


def _segments(text: str, window_characters: int) -> Iterator[tuple[str, bool]]:
    """The text in pieces, cut at ends of tokens; with each, whether it fits into a window."""
    start = 0
    while len(text) - start > window_characters:
        position = start + window_characters
        cut = _TOKEN_ENDS.search(text, start + window_characters // 2 + 1, position)
        fits = cut is not None
        # One window at a time: a search holds the interpreter's lock from beginning to end.
        while cut is None and position < len(text):
            cut = _TOKEN_ENDS.search(text, position, position + window_characters)
            position += window_characters
        end = len(text) if cut is None else cut.start()
        yield text[start:end], fits
        start = end
    if start < len(text):
        yield text[start:], True


def _count_segment(encode: Encode, segment: str) -> int:
    try:
        return len(encode(segment))
    except BaseException as error:
        # A panic in the tokenizer is not an Exception; no known text causes one within a window.
        if type(error).__name__ != "PanicException":
            raise
        return byte_length(segment)
