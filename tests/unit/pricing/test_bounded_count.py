"""Counting hostile text: bounded, and never too few."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.bounded_count import (
    EXACT_CHARACTERS,
    WINDOW_CHARACTERS,
    Encode,
    byte_length,
    count_bounded,
)
from pricing.rank_files import RANK_FILES, load_encoding

ENCODINGS = ["o200k_base", "cl100k_base", "p50k_base", "r50k_base"]
# What tokenizers treat in ways of their own, so that random texts are full of it.
FRAGMENTS = [
    " ",
    "\n",
    "\r",
    "\t",
    "\x1c",
    "\u2003",
    "\u3000",
    "a",
    "Word",
    " the",
    "'s",
    "'LL",
    "_",
]
FRAGMENTS += [
    "!",
    "//",
    "--",
    "7",
    "1234",
    "½",
    "字",
    "の",
    "é",
    "e\u0301",
    "\u0300",
    "Ⅷ",
    "😀",
    "\ud800",
]
LoadEncode = Callable[[str], Encode]


@pytest.fixture(scope="module")
def load_encode(tmp_path_factory: pytest.TempPathFactory) -> LoadEncode:
    cache_dir: Path = tmp_path_factory.mktemp("ranks")
    return lambda encoding: load_encoding(RANK_FILES[encoding], cache_dir).encode_ordinary


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(fragments=st.lists(st.sampled_from(FRAGMENTS)), window=st.integers(2, 40))
@settings(max_examples=400, deadline=None)
def test_a_text_taken_in_windows_never_counts_fewer_tokens(
    load_encode: LoadEncode, encoding: str, fragments: list[str], window: int
) -> None:
    """A cut is made only where a token ends anyway; what cannot be cut counts as its bytes."""
    encode = load_encode(encoding)
    text = "".join(fragments)
    counted = count_bounded(encode, [text], window_characters=window)
    assert len(encode(text)) <= counted <= byte_length(text)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("ending", ["\n\n", " \n", "!\n", "\r\n", "_\n", " 's", "'s\n", "\x1c"])
def test_a_cut_at_any_place_of_a_paragraph_loses_no_token(
    load_encode: LoadEncode, encoding: str, ending: str
) -> None:
    """Some encodings join line feeds at the end of a text, or to what stands before them."""
    encode = load_encode(encoding)
    text = ("Word" * 3 + ending) * 20
    for window in range(10, 60):
        counted = count_bounded(encode, [text], window_characters=window)
        assert counted >= len(encode(text)), f"window of {window}"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_long_text_of_words_is_counted_exactly(load_encode: LoadEncode, encoding: str) -> None:
    """Usual text is exact, in whatever number of windows it is taken."""
    encode = load_encode(encoding)
    text = "".join(f"Line {n}: it's the 2nd of many, isn't it?\n字\nNaïve. " for n in range(500))
    assert count_bounded(encode, [text], window_characters=100) == len(encode(text))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("character", [" ", "\n", "\t", "\u2003", "x", "Q", "字", "!", "\u0301"])
def test_a_million_characters_without_a_break_count_as_their_bytes(
    load_encode: LoadEncode, encoding: str, character: str
) -> None:
    """The tokenizer panics on such white space, and takes long for the rest."""
    text = character * 1_000_000
    assert count_bounded(load_encode(encoding), [text]) == byte_length(text)


@pytest.mark.parametrize("character", [" ", "\n", "\u2003", "x", "Q", "字", "!", "😀", "\u0301"])
def test_a_full_window_of_anything_is_counted_by_the_tokenizer(
    load_encode: LoadEncode, character: str
) -> None:
    """A window is short enough for the tokenizer never to panic."""
    encode = load_encode("cl100k_base")
    text = character * WINDOW_CHARACTERS
    assert count_bounded(encode, [text]) == len(encode(text))


def test_words_around_a_run_without_a_break_are_still_counted() -> None:
    """Only the run itself, and what shares its window, counts as bytes."""
    text = "word " * 1000 + "x" * 500 + " word" * 1000
    counted = count_bounded(str.split, [text], window_characters=100)  # type: ignore[arg-type]
    assert 2000 + 500 <= counted <= 2000 + 700


def test_what_exceeds_the_exact_part_counts_as_its_bytes() -> None:
    """The time of one call is bounded, over all its texts together."""
    encoded: list[str] = []

    def encode(text: str) -> list[int]:
        encoded.append(text)
        return [0]

    texts = ["word " * (EXACT_CHARACTERS // 5)] * 2
    counted = count_bounded(encode, texts)
    assert EXACT_CHARACTERS - WINDOW_CHARACTERS <= sum(map(len, encoded)) <= EXACT_CHARACTERS
    assert counted >= EXACT_CHARACTERS


def test_very_many_tiny_texts_count_as_their_bytes_in_the_end() -> None:
    """A prompt of a million empty messages does not cost a million calls of the tokenizer."""
    calls: list[str] = []

    def encode(text: str) -> list[int]:
        calls.append(text)
        return [0]

    assert count_bounded(encode, ["hi"] * 1_000_000) > 1_000_000
    assert len(calls) < 50_000


def test_a_panicking_tokenizer_makes_the_bytes_count() -> None:
    """A panic is a BaseException: it must not end the process that counts."""

    class PanicException(BaseException):
        """As the tokenizer's own, which cannot be imported."""

    def encode(text: str) -> list[int]:
        raise PanicException

    assert count_bounded(encode, ["字字"]) == 6


def test_other_interruptions_of_the_tokenizer_are_passed_on() -> None:
    """Only panics are answered with an estimate."""

    def encode(text: str) -> list[int]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        count_bounded(encode, ["text"])
